/*
 * conf_parts.h - what conf.c, conf_text.c and conf_value.c share, and nobody else
 *
 * All files become one text with one numbering of lines, the places: place 1 is its first
 * line, 0 is none.  Each remembers the file and line it came from.
 */
#ifndef BASE_CONF_PARTS_H
#define BASE_CONF_PARTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"

struct conf_value {
	int			 place;		/* 0: not in the file */
	bool			 is_damaged;	/* an error of it is reported already */
	bool			 is_set;	/* stands in the file and is right */
	const char		**texts;	/* as written; of a STRING the first is the value */
	int			 n_texts;
	int64_t			 number;	/* BOOL, INTEGER, SPAN (ns), SIZE, CHOICE */
	double			 decimal;
};

struct conf_entry {
	struct conf_section	 section;	/* first, so that a section leads to its entry */
	int			 place;
	bool			 is_repeat;	/* of one before: checked, but not given to anyone */
	bool			 is_hidden;	/* the defaults of a kind with titles */
};

struct conf_origin {
	const char		*file;
	int			 line;
};

struct conf_mistake {
	int			 place;
	const char		*text;
};

struct conf {
	struct arena			 arena;		/* texts, sections, values */
	const char			*path;		/* the main file */
	const char			*files[CONF_FILES_MAX];	/* each once */
	int				 n_files;
	const struct section_kind	*kinds;
	int				 n_kinds;
	struct conf_entry		**entries;	/* [0] is what stands outside of sections */
	int				 n_entries;
	struct conf_origin		*origins;	/* [place - 1] */
	int				 n_origins;
	struct conf_mistake		*mistakes;	/* by place */
	int				 n_mistakes;
	bool				 is_whole;
};

/* Room in the conf's arena.  Our files are bounded, so there is always some. */
void		*conf_room(struct conf *conf, size_t n, size_t item_bytes);
const char	*conf_keep(struct conf *conf, struct str text);

struct conf_entry	*conf_add_entry(struct conf *conf, const struct section_kind *kind, int place);

/* Adds an error at a place; section and setting may be NULL. */
void	conf_mistake(struct conf *conf, int place, const struct conf_section *section, const char *setting,
	    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The index of a kind's setting by its name; -1 if it has none of that name. */
int	conf_find_setting(const struct section_kind *kind, struct str name);

/*
 * Reads the file and what it includes into one text for the library: no comments, no
 * variables, every word in single quotes, unknown statements left out, every section titled
 * with the index of its entry.  Adds the entries with the places of their settings.
 *
 * False when the structure is broken, which is reported; the text then ends where it was
 * still right.
 */
bool	conf_read_text(struct conf *conf, struct buf *text_out);

/*
 * Turns a setting's texts into its value; without texts, or if they are wrong, into its
 * default.  Reports what is wrong.
 */
void	conf_check_value(struct conf *conf, struct conf_entry *entry, const struct setting *setting,
	    struct conf_value *value);

#endif
