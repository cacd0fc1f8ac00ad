/*
 * conf.h - a configuration file, read by libConfuse behind tables of settings
 *
 * What may be set stands in tables: name, type, default, bounds and a sentence for
 * people.  What a value means to a mail (that an address can be bound, that a section
 * named elsewhere exists) is for whoever owns the table, who reports with conf_error.
 *
 * The language is libConfuse's: `name = value`, lists in braces, sections with or without
 * a title, # and // and C comments, include("file") (from the including file's folder),
 * ${VAR} and ${VAR:-default} outside of single quotes.  Stricter: a name that is unknown,
 * a setting, title or untitled section that stands twice, a `;`, an undefined ${VAR}, a
 * string that spans lines and an escape other than \" \\ \$ in double quotes are errors.
 * `list += value` may follow `list = value`.  All errors of a file are collected, but the
 * library stops at the first that breaks the structure.
 *
 * Where: conf_words.c and conf_text.c make one clean text of the files, conf.c has the
 * library read it, conf_value.c knows the types, conf_get.c answers; conf_parts.h is theirs.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdio.h>

#include "base/instant.h"
#include "base/str.h"

enum setting_type {
	SETTING_STRING,
	SETTING_BOOL,			/* yes, no */
	SETTING_INTEGER,
	SETTING_DECIMAL,		/* 1.5 */
	SETTING_SPAN,			/* 200ms, 30s, 5m, 2h, 7d */
	SETTING_SIZE,			/* bytes: 4096, 64K, 50M, 2G (powers of 1024) */
	SETTING_CHOICE,			/* one of some words */
	SETTING_LIST,			/* strings */
};

/*
 * Values in a table are text, as one would write them in the file.  Least and most bound
 * the value; of a string its bytes (1 to 1000 if not given), of a list its items (0 to 1000).
 * A list's default is its items parted by blanks.
 */
struct setting {
	const char		*name;
	enum setting_type	 type;
	const char		*otherwise;	/* the default; NULL: none */
	const char		*least, *most;	/* NULL: no bound but the type's */
	const char		*choices;	/* CHOICE: the words, parted by blanks */
	bool			 is_needed;	/* its section is wrong without it */
	bool			 is_file;	/* STRING, LIST: the paths of files that are read whenever the configuration is */
	const char		*sentence;	/* for people: what it is for */
};

struct section_kind {
	const char		*name;		/* "" for the settings outside of all sections */
	bool			 has_title;	/* then it may stand often, else once */
	const struct setting	*settings;
	int			 n_settings;
	const char		*sentence;
};

struct conf;

struct conf_section {
	const struct section_kind	*kind;
	const char			*title;		/* NULL if the kind has none */
	bool				 is_given;	/* false: not in the file, so all is as by default */
	const char			*file;		/* where it begins; the main file, line 0 if not given */
	int				 line;
	struct conf_value		*values;	/* one per setting of the kind; by the getters */
};

/*
 * Reads a file by tables, which must outlive the conf; the first is of the kind "".  Never
 * NULL; what is wrong is among its errors.  A wrong value counts as not set.  Not for two threads at once (libConfuse).
 */
struct conf	*conf_read(const char *path, const struct section_kind *kinds, int n_kinds);
void		 conf_free(struct conf *conf);

/*
 * False when the file, or its structure, could not be read at all: sections are empty then,
 * and to check them further would only report what is not so.
 */
bool		 conf_is_whole(const struct conf *conf);

/* The files that were read or tried, the main one first, then what it includes; the first CONF_FILES_MAX of them. */
enum { CONF_FILES_MAX = 64 };
int		 conf_n_files(const struct conf *conf);
const char	*conf_file_at(const struct conf *conf, int i);

/* Each a printable line "FILE:LINE: [SECTION [\"TITLE\"]: ][SETTING: ]TEXT", in the order of the file. */
int		 conf_n_errors(const struct conf *conf);
const char	*conf_error_text(const struct conf *conf, int i);
/* All of them, each on a line.  True if there was one. */
bool		 conf_print_errors(const struct conf *conf, FILE *out);

/*
 * Adds an error that a later check found, at the line of the setting; of the section if
 * setting is NULL or not in the file.
 */
void	conf_error(struct conf *conf, const struct conf_section *section, const char *setting,
	    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The one section of an untitled kind, "" for what stands outside of sections; never NULL. */
const struct conf_section	*conf_section(const struct conf *conf, const char *kind);

/* Sections of a titled kind, in the order of the file. */
int				 conf_n_sections(const struct conf *conf, const char *kind);
const struct conf_section	*conf_section_at(const struct conf *conf, const char *kind, int i);
const struct conf_section	*conf_section_titled(const struct conf *conf, const char *kind, const char *title);

/* A section of a titled kind as if nothing were set in it: title NULL, never NULL itself. */
const struct conf_section	*conf_section_default(const struct conf *conf, const char *kind);

/*
 * A setting's value, or its default; without both NULL, false, 0, -1 for a choice, or no items.
 * Name and type must be the table's.  What is pointed to lives as long as the conf.
 */
const char		*conf_string(const struct conf_section *section, const char *setting);
bool			 conf_bool(const struct conf_section *section, const char *setting);
int64_t			 conf_integer(const struct conf_section *section, const char *setting);
double			 conf_decimal(const struct conf_section *section, const char *setting);
struct span		 conf_span(const struct conf_section *section, const char *setting);
int64_t			 conf_size(const struct conf_section *section, const char *setting);
int			 conf_choice(const struct conf_section *section, const char *setting);	/* index of the word */
const char *const	*conf_list(const struct conf_section *section, const char *setting, int *n_out);

/* True if it stands in the file with a right value. */
bool	conf_is_set(const struct conf_section *section, const char *setting);

#endif
