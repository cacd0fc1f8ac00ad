/*
 * conf_text.c - makes the clean text that libConfuse reads, and finds what it would not
 *
 * Follows the words of a file just far enough to know where a statement begins: for names
 * that are unknown or stand twice, for the places of settings and for what to leave out.
 * What a statement must look like is held against the tables by the library.
 */
#include <errno.h>
#include <stdio.h>

#include "base/conf_parts.h"
#include "base/conf_words.h"
#include "base/insist.h"
#include "base/mem.h"

enum {
	FILE_MAX_BYTES = 1 << 20,	/* a thousand relays are a tenth of it */
	INCLUDES_MAX = 10,		/* deep; a file that includes itself ends here */
	SECTIONS_MAX = 5000,		/* in all files together */
	BRACES_MAX = 16,		/* deep; the language has two */
};

enum expected {				/* where in a statement we are */
	EXPECT_NAME,
	EXPECT_AFTER_NAME,		/* =, +=, {, ( or a title */
	EXPECT_AFTER_TITLE,		/* { */
	EXPECT_VALUE,			/* a word, or { of a list */
	EXPECT_ITEM,			/* of a list, or its } */
	EXPECT_PATH,			/* include( was read */
	EXPECT_ROUND_CLOSE,		/* and the path */
};

struct brace {				/* an open section; the first is the file itself */
	struct conf_entry	*entry;		/* NULL: of an unknown kind, left out with all in it */
	int			 place;
};

struct scan {
	struct conf		*conf;
	struct buf		*out;
	int			 place;		/* of the line at hand */
	enum expected		 expected;
	bool			 is_broken;	/* the structure */
	bool			 is_left_out;	/* the statement at hand */
	const char		*name;		/* of the statement */
	int			 name_place;
	const char		*title;		/* NULL: none yet */
	struct conf_value	*value;		/* that the statement sets, or NULL */
	const char		*path;		/* to include */
	struct brace		 braces[BRACES_MAX];
	int			 n_braces;
	int			 n_includes;	/* files that are open */
	size_t			 whole_bytes;	/* of the text, up to the last statement that was right */
	int			 n_whole_braces;
};

struct file {				/* one that is being read */
	const char	*name;
	int		 line;
	int		 n_braces;	/* that were open where it begins */
};

static struct conf_entry *
entry_at_hand(const struct scan *s)
{
	return s->braces[s->n_braces - 1].entry;
}

/* What is wrong with the words of a statement; its value does not count then. */
static void
complain(struct scan *s, int place, const char *text)
{
	struct conf_entry *entry = entry_at_hand(s);
	const char *setting = s->value != NULL ? s->name : NULL;

	conf_mistake(s->conf, place, entry != NULL ? &entry->section : NULL, setting, "%s", text);
	if (s->value != NULL)
		s->value->is_damaged = true;
}

static void
break_off(struct scan *s, int place, const char *text)
{
	complain(s, place, text);
	s->is_broken = true;
}

static void
emit(struct scan *s, const char *text)
{
	if (!s->is_left_out && buf_append(s->out, str_of(text)) != 0)
		break_off(s, s->place, "too much text in all files together");
}

static void
emit_word(struct scan *s, const char *word)
{
	emit(s, " '");
	for (; *word != '\0'; word++) {
		if (*word == '\'' || *word == '\\')
			emit(s, "\\");
		emit(s, (char[]){ *word, '\0' });
	}
	emit(s, "'");
}

static void
begin_line(struct scan *s, const struct file *file)
{
	struct conf *conf = s->conf;
	int n = conf->n_origins++;

	if (n != 0 && buf_append_char(s->out, '\n') != 0)
		s->is_broken = true;		/* emit has said so, or will */
	/* Doubled at each power of two. */
	if ((n & (n - 1)) == 0)
		conf->origins = mem_resize_array(conf->origins, n != 0 ? (size_t)n * 2 : 1, sizeof(conf->origins[0]));
	conf->origins[n] = (struct conf_origin){ .file = file->name, .line = file->line };
	s->place = conf->n_origins;
}

static void
end_statement(struct scan *s)
{
	s->expected = EXPECT_NAME;
	s->value = NULL;
	s->title = NULL;
	s->is_left_out = entry_at_hand(s) == NULL;
	s->whole_bytes = s->out->len;
	s->n_whole_braces = 0;
	for (int i = 1; i < s->n_braces; i++)
		s->n_whole_braces += s->braces[i].entry != NULL;
}

static const struct section_kind *
find_kind(const struct conf *conf, const char *name)
{
	for (int i = 1; i < conf->n_kinds; i++) {
		if (strcmp(conf->kinds[i].name, name) == 0)
			return &conf->kinds[i];
	}
	return NULL;
}

static void
begin_statement(struct scan *s, const char *name)
{
	struct conf_entry *entry = entry_at_hand(s);
	bool is_outside = entry == s->conf->entries[0];
	char text[300];

	s->expected = EXPECT_AFTER_NAME;
	s->name = name;
	s->name_place = s->place;
	if (entry == NULL)
		return;
	if (strcmp(name, "include") == 0) {
		s->is_left_out = true;
		return;
	}
	if (conf_find_setting(entry->section.kind, str_of(name)) < 0 &&
	    (!is_outside || find_kind(s->conf, name) == NULL)) {
		snprintf(text, sizeof(text), is_outside ? "unknown setting or section \"%.200s\"" :
		    "unknown setting \"%.200s\"", name);
		complain(s, s->place, text);
		s->is_left_out = true;
	}
	emit_word(s, name);
}

/* At = or +=, after the name of what may be a setting. */
static void
begin_value(struct scan *s, bool is_added)
{
	struct conf_entry *entry = entry_at_hand(s);
	int i = entry != NULL ? conf_find_setting(entry->section.kind, str_of(s->name)) : -1;
	char text[600];

	s->expected = EXPECT_VALUE;
	emit(s, is_added ? " +=" : " =");
	if (i < 0) {
		if (!s->is_left_out)
			break_off(s, s->name_place, "a section's name with a =");
		return;
	}
	s->value = &entry->section.values[i];
	if (is_added && s->value->place == 0)
		complain(s, s->name_place, "+= stands before any =");
	else if (!is_added && s->value->place != 0) {
		const struct conf_origin *first = &s->conf->origins[s->value->place - 1];

		snprintf(text, sizeof(text), "is set already at %.500s:%d", first->file, first->line);
		complain(s, s->name_place, text);
	}
	if (s->value->place == 0)
		s->value->place = s->name_place;
}

/* The entry of the same kind and title, if there is one before the last. */
static const struct conf_entry *
find_twin(const struct conf *conf, const struct conf_section *section)
{
	for (int i = 0; i < conf->n_entries - 1; i++) {
		const struct conf_section *other = &conf->entries[i]->section;

		if (other->kind == section->kind &&
		    (section->title == NULL || (other->title != NULL && strcmp(other->title, section->title) == 0)))
			return conf->entries[i];
	}
	return NULL;
}

static void
check_title(struct scan *s, struct conf_entry *entry)
{
	const struct section_kind *kind = entry->section.kind;
	const struct conf_entry *twin;

	if (!kind->has_title && s->title != NULL)
		conf_mistake(s->conf, entry->place, &entry->section, NULL, "takes no title");
	if (kind->has_title && (s->title == NULL || s->title[0] == '\0')) {
		conf_mistake(s->conf, entry->place, &entry->section, NULL, "needs a title");
		entry->is_repeat = true;		/* nobody could name it */
		return;
	}
	entry->section.title = kind->has_title ? s->title : NULL;
	twin = find_twin(s->conf, &entry->section);
	if (twin != NULL) {
		entry->is_repeat = true;
		conf_mistake(s->conf, entry->place, &entry->section, NULL, "stands already at %s:%d",
		    twin->section.file, twin->section.line);
	}
}

/* At { after a name or title. */
static void
open_section(struct scan *s)
{
	const struct section_kind *kind = find_kind(s->conf, s->name);
	struct conf_entry *entry = NULL;
	char index[20];

	if (s->n_braces == BRACES_MAX) {
		break_off(s, s->place, "too many braces inside each other");
		return;
	}
	if (!s->is_left_out && kind == NULL) {
		break_off(s, s->name_place, "a setting's name with a {");
		return;
	}
	if (s->conf->n_entries == SECTIONS_MAX) {
		break_off(s, s->place, "too many sections");
		return;
	}
	if (!s->is_left_out) {
		entry = conf_add_entry(s->conf, kind, s->name_place);
		check_title(s, entry);
		/* To the library all sections have titles, and no two the same. */
		snprintf(index, sizeof(index), "%d", s->conf->n_entries - 1);
		emit_word(s, index);
	}
	emit(s, " {");
	s->braces[s->n_braces++] = (struct brace){ .entry = entry, .place = s->name_place };
	end_statement(s);
}

static void
close_section(struct scan *s, const struct file *file)
{
	if (s->n_braces == file->n_braces) {
		break_off(s, s->place, "a } without its {");
		return;
	}
	emit(s, " }");
	s->n_braces--;
	end_statement(s);
}

static void	read_file(struct scan *s, const char *path);

/* The path is the including file's neighbour unless it is absolute. */
static void
include(struct scan *s, const struct file *file)
{
	ptrdiff_t slash = str_rfind(str_of(file->name), '/');
	struct buf path;

	buf_init(&path, FILE_MAX_BYTES);
	if (s->path[0] != '/' && slash >= 0)
		buf_append(&path, str_sub(str_of(file->name), 0, (size_t)slash + 1));
	buf_append(&path, str_of(s->path));
	end_statement(s);
	if (entry_at_hand(s) != NULL)
		read_file(s, conf_keep(s->conf, buf_str(&path)));
	buf_fini(&path);
	begin_line(s, file);			/* the rest of ours */
}

/* The word or mark at hand, or the end of the file, is not what must stand here. */
static void
break_off_unexpected(struct scan *s)
{
	switch (s->expected) {
	case EXPECT_NAME:
		break_off(s, s->place, "the name of a setting or section was expected");
		return;
	case EXPECT_AFTER_NAME:
		break_off(s, s->name_place, "a = or a { was expected behind the name");
		return;
	case EXPECT_AFTER_TITLE:
		break_off(s, s->name_place, "a { was expected behind the title");
		return;
	case EXPECT_VALUE:
		break_off(s, s->place, "a value was expected behind the =");
		return;
	case EXPECT_ITEM:
		break_off(s, s->place, "a value, a comma or a } was expected in the list");
		return;
	case EXPECT_PATH:
		break_off(s, s->place, "a path in quotes was expected in the include");
		return;
	case EXPECT_ROUND_CLOSE:
		break_off(s, s->place, "a ) was expected behind the path");
		return;
	}
}

static void
take_word(struct scan *s, const char *word)
{
	struct conf_entry *entry = entry_at_hand(s);

	switch (s->expected) {
	case EXPECT_NAME:
		begin_statement(s, word);
		return;
	case EXPECT_AFTER_NAME:
		if (entry != NULL && conf_find_setting(entry->section.kind, str_of(s->name)) >= 0) {
			break_off_unexpected(s);
			return;
		}
		s->title = word;
		s->expected = EXPECT_AFTER_TITLE;
		return;
	case EXPECT_VALUE:
		emit_word(s, word);
		end_statement(s);
		return;
	case EXPECT_ITEM:
		emit_word(s, word);
		return;
	case EXPECT_PATH:
		s->path = word;
		s->expected = EXPECT_ROUND_CLOSE;
		return;
	case EXPECT_AFTER_TITLE:
	case EXPECT_ROUND_CLOSE:
		break_off_unexpected(s);
		return;
	}
}

static void
take_mark(struct scan *s, const struct file *file, enum conf_mark mark)
{
	bool is_include = s->name != NULL && strcmp(s->name, "include") == 0;
	bool is_behind_name = s->expected == EXPECT_AFTER_NAME;

	if (is_behind_name && !is_include && (mark == CONF_SET || mark == CONF_ADD))
		begin_value(s, mark == CONF_ADD);
	else if (mark == CONF_OPEN && ((is_behind_name && !is_include) || s->expected == EXPECT_AFTER_TITLE))
		open_section(s);
	else if (is_behind_name && is_include && mark == CONF_OPEN_ROUND)
		s->expected = EXPECT_PATH;
	else if (s->expected == EXPECT_ROUND_CLOSE && mark == CONF_CLOSE_ROUND)
		include(s, file);
	else if (s->expected == EXPECT_VALUE && mark == CONF_OPEN) {
		emit(s, " {");
		s->expected = EXPECT_ITEM;
	} else if (s->expected == EXPECT_ITEM && mark == CONF_COMMA)
		emit(s, ",");
	else if (s->expected == EXPECT_ITEM && mark == CONF_CLOSE) {
		emit(s, " }");
		end_statement(s);
	} else if (s->expected == EXPECT_NAME && mark == CONF_CLOSE)
		close_section(s, file);
	else
		break_off_unexpected(s);
}

/* Reads until the file's end or until the structure is broken. */
static void
read_words(struct scan *s, struct file *file, struct conf_words *words)
{
	enum conf_mark mark;

	begin_line(s, file);
	while (!s->is_broken && (mark = conf_words_next(words)) != CONF_FILE_END) {
		if (words->complaint[0] != '\0')
			complain(s, s->place, words->complaint);
		if (mark == CONF_LINE_END) {
			file->line++;
			begin_line(s, file);
		} else if (mark == CONF_WORD)
			take_word(s, conf_keep(s->conf, buf_str(&words->word)));
		else if (mark != CONF_STRAY)
			take_mark(s, file, mark);
	}
	if (s->is_broken)
		return;
	if (words->complaint[0] != '\0')
		break_off(s, s->place, words->complaint);
	else if (s->expected != EXPECT_NAME)
		break_off_unexpected(s);
	else if (s->n_braces != file->n_braces)
		break_off(s, s->braces[s->n_braces - 1].place, "a { without its }");
}

/* Reads all bytes of a file; false when that cannot be, or they cannot be text. */
static bool
load(struct scan *s, const char *path, struct buf *bytes)
{
	FILE *file = fopen(path, "re");
	const char *why = NULL;
	char *room;
	size_t n;

	if (file == NULL)
		why = strerror(errno);
	while (why == NULL && (room = buf_room(bytes, BUFSIZ)) != NULL &&
	    (n = fread(room, 1, BUFSIZ, file)) != 0)
		buf_added(bytes, n);
	if (why == NULL && ferror(file))
		why = strerror(errno);
	else if (why == NULL && !feof(file))
		why = "too large";
	else if (why == NULL && str_find(buf_str(bytes), '\0') >= 0)
		why = "has a NUL byte, so it is not text";
	if (file != NULL)
		fclose(file);
	if (why == NULL)
		return true;
	if (s->place == 0)
		conf_mistake(s->conf, 0, NULL, NULL, "%s", why);	/* the file itself */
	else
		conf_mistake(s->conf, s->place, NULL, NULL, "%s: %s", path, why);
	s->is_broken = true;
	return false;
}

static void
note_file(struct conf *conf, const char *path)
{
	for (int i = 0; i < conf->n_files; i++)
		if (strcmp(conf->files[i], path) == 0)
			return;
	if (conf->n_files < CONF_FILES_MAX)
		conf->files[conf->n_files++] = path;
}

static void
read_file(struct scan *s, const char *path)
{
	struct file file = { .name = path, .line = 1, .n_braces = s->n_braces };
	struct conf_words words;
	struct buf bytes;

	if (s->n_includes == INCLUDES_MAX) {
		break_off(s, s->place, "includes that are too deep, or of itself");
		return;
	}
	s->n_includes++;
	note_file(s->conf, path);
	buf_init(&bytes, FILE_MAX_BYTES);
	if (load(s, path, &bytes)) {
		conf_words_init(&words, buf_str(&bytes));
		read_words(s, &file, &words);
		conf_words_fini(&words);
	}
	buf_fini(&bytes);
	s->n_includes--;
}

bool
conf_read_text(struct conf *conf, struct buf *text_out)
{
	struct scan s = { .conf = conf, .out = text_out };

	s.braces[s.n_braces++] = (struct brace){ .entry = conf->entries[0] };
	read_file(&s, conf->path);
	if (s.is_broken) {
		text_out->len = s.whole_bytes;
		while (s.n_whole_braces-- > 0)
			buf_append(text_out, STR(" }"));
	}
	if (buf_append(text_out, STR("\n\0")) != 0) {
		buf_clear(text_out);
		buf_append_char(text_out, '\0');
	}
	return !s.is_broken;
}
