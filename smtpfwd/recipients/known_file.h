/*
 * known_file.h - the file that knowledge outlives the process in: a header, then records, appended
 *
 * Nothing is synced and nothing hangs on it: what is lost, or cannot be read, is not known, and that is all.  Written anew
 * beside itself ("PATH.new") and renamed.  All of it blocks: for a crew's thread, or before the loop runs.
 */
#ifndef RECIPIENTS_KNOWN_FILE_H
#define RECIPIENTS_KNOWN_FILE_H

#include "smtpfwd/recipients/known_record.h"

enum {
	KNOWN_FILE_PATH_MAX = 1100,
	KNOWN_FILE_HEADER_BYTES = 24,
	KNOWN_FILE_READ_MAX_BYTES = 512 * 1024 * 1024,	/* at the start; some eight million records, two seconds */
};

struct known_file {
	char		 path[KNOWN_FILE_PATH_MAX], new_path[KNOWN_FILE_PATH_MAX];
	int64_t		 reserve_bytes;	/* of the disk, not ours to take */
	int		 fd;		/* -1: none */
	int		 new_fd;	/* of the one that is written beside it; -1: none */
	int64_t		 bytes, new_bytes;
	bool		 is_whole;	/* what is appended now will be read; false: it must be written anew */
};

void	known_file_init(struct known_file *file, const char *path, int64_t reserve_bytes);
void	known_file_fini(struct known_file *file);

/*
 * Opens and reads it; visit gets each record up to the first that is damaged.  0: there was none, or all of it made sense.
 * Else -errno; -EBADMSG: what stands behind some byte is no record.
 */
int	known_file_read(struct known_file *file, void (*visit)(void *context, const struct known_record *record), void *context);

/* Appends whole records to a file that is whole.  0, or -errno, and it is whole no more. */
int	known_file_append(struct known_file *file, struct str records);

/* Another one: begun, filled, put in the place of the old one.  0, or -errno, and it is gone. */
int	known_file_begin_new(struct known_file *file, int64_t n_bytes);	/* that it will have, about */
int	known_file_append_new(struct known_file *file, struct str records);
int	known_file_adopt_new(struct known_file *file);

#endif
