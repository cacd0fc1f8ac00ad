/*
 * options.c - the command line of both programs that serve
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <config.h>
#include "smtpfwd/config/options.h"
#include "smtpfwd/runtime/background.h"

void
options_read(int argc, char **argv, const char *program, const char *usage, struct options *options_out)
{
	const char *path = CONFIG_DEFAULT_PATH;
	int option;

	*options_out = (struct options){ .config = NULL };
	while ((option = getopt(argc, argv, "c:fnhV")) != -1) {
		switch (option) {
		case 'c': path = optarg; break;
		case 'f': options_out->is_foreground = true; break;
		case 'n': options_out->is_check = true; break;
		case 'h': fputs(usage, stdout); exit(EXIT_DONE);
		case 'V': puts(PACKAGE_STRING); exit(EXIT_DONE);
		default: fputs(usage, stderr); exit(EXIT_WRONG_USE);
		}
	}
	options_out->config = background_path(path);
	if (optind != argc) {
		fprintf(stderr, "%s: too much: %s\n%s", program, argv[optind], usage);
		exit(EXIT_WRONG_USE);
	}
}
