/*
 * json_rate.c - a limit of rate, told to an operator
 */
#include "smtpfwd/control/control.h"

json_t *
control_json_rate(const char *class_name, struct str limit, int n_keys, int64_t n_put_off)
{
	return json_pack("{s:{s:s, s:o, s:i, s:I}}", "rate", "class", class_name, "limit", control_json_str(limit), "keys", n_keys,
	    "put-off", (json_int_t)n_put_off);
}
