/*
 * insist.h - conditions that only a bug of ours can break; checked in production too
 *
 * Not for input, peers or disks: those get an if and a fault.
 */
#ifndef BASE_INSIST_H
#define BASE_INSIST_H

#define insist(condition) \
	((condition) ? (void)0 : insist_failed(#condition, __FILE__, __LINE__))

/* Says which condition broke and where on stderr, and aborts. */
_Noreturn void	insist_failed(const char *condition, const char *file, int line);

#endif
