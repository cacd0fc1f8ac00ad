/*
 * fault.c - writes down why something failed
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/str.h"

/*
 * Faults end in log lines and replies, so what is not printable is shown as '?'
 * however it came here: bytes of others should have been escaped by the caller.
 */
static void
make_printable(char *text)
{
	for (; *text != '\0'; text++) {
		if (!str_is_printable(str_n(text, 1)))
			*text = '?';
	}
}

static void __attribute__((format(printf, 4, 0)))
fill(struct fault *fault_out, enum fault_kind kind, enum fault_cause cause, const char *format, va_list args)
{
	if (fault_out == NULL)
		return;
	fault_out->kind = kind;
	fault_out->cause = cause;
	vsnprintf(fault_out->text, sizeof(fault_out->text), format, args);
	make_printable(fault_out->text);
}

int
fault_temporary(struct fault *fault_out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fill(fault_out, FAULT_TEMPORARY, FAULT_OTHER, format, args);
	va_end(args);
	return -1;
}

int
fault_permanent(struct fault *fault_out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fill(fault_out, FAULT_PERMANENT, FAULT_OTHER, format, args);
	va_end(args);
	return -1;
}

int
fault_because(struct fault *fault_out, enum fault_cause cause, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fill(fault_out, FAULT_TEMPORARY, cause, format, args);
	va_end(args);
	return -1;
}

int
fault_prefix(struct fault *fault, const char *format, ...)
{
	char old[sizeof(fault->text)];
	va_list args;
	int printed;

	if (fault == NULL)
		return -1;
	memcpy(old, fault->text, sizeof(old));
	va_start(args, format);
	printed = vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
	if (printed >= 0 && (size_t)printed < sizeof(fault->text))
		snprintf(fault->text + printed, sizeof(fault->text) - (size_t)printed, ": %s", old);
	make_printable(fault->text);
	return -1;
}
