/*
 * format.h - text by a format as printf's, made quickly
 *
 * The result is what vsnprintf gives, byte for byte.  What logs, replies and stamps are made of (%s, %.*s, %c, %d, %u and their long
 * forms, with or without zeros in front) is done here, in a tenth of the C library's instructions, which first makes a stream of
 * the room; all else is left to it.
 */
#ifndef BASE_FORMAT_H
#define BASE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes n_room bytes at most, the last of them NUL; gives how many there would be without it, or -1. */
int	format_vtext(char *room, size_t n_room, const char *format, va_list args) __attribute__((format(printf, 3, 0)));
int	format_text(char *room, size_t n_room, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
