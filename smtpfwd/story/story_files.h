/*
 * story_files.h - the files that lines of stories are appended to, the oldest removed by age and size
 *
 * A file's name is when it began, 16 digits of microseconds and ".log", so that names sort by time and a file ends where
 * the next one begins.  All of it blocks: for the writer's thread.
 */
#ifndef STORY_STORY_FILES_H
#define STORY_STORY_FILES_H

#include "base/buf.h"
#include "base/instant.h"

enum {
	STORY_FILES_MAX = 64,		/* at once; a file is an eighth of what is kept, by time or by bytes */
	STORY_PARTS = 8,
	STORY_PATH_MAX = 1100,
	STORY_DIGITS = 16,
};

struct story_file {
	struct timestamp began;
	int64_t		 bytes;
};

struct story_files {
	char			*directory;	/* borrowed */
	struct span		 keep;
	int64_t			 max_bytes, reserve_bytes;

	bool			 is_open;	/* the directory was read */
	struct story_file	 files[STORY_FILES_MAX];	/* oldest first; the last is appended to */
	int			 n_files;
	int			 fd;		/* of the last one; -1: none */
	int64_t			 bytes;		/* of all */
	struct timestamp	 looked_at;	/* for the disk's room */
	bool			 is_short;	/* less than the reserve was free then */
	int64_t			 tight_bytes;	/* not more than this while less than twice the reserve is free; 0: more was */
};

/* A file's name from when it began; false for a name that is none of ours. */
void	story_file_path(const char *directory, struct timestamp began, char path[STORY_PATH_MAX]);
bool	story_file_began(const char *name, struct timestamp *began_out);

void	story_files_init(struct story_files *files, char *directory, struct span keep, int64_t max_bytes, int64_t reserve_bytes);
void	story_files_fini(struct story_files *files);

/*
 * Appends whole lines: all of them, or as many as went in; how many bytes that was.  Less than all: -errno in
 * *error_out, and what follows is lost for the caller.  Begins a new file and removes old ones as it is time.
 */
size_t	story_files_append(struct story_files *files, struct str lines, struct timestamp now, int *error_out);

/* Opens or makes the directory and a file, unless that was done: from now on stories are kept. 0 or -errno. */
int	story_files_begin(struct story_files *files, struct timestamp now);

/* Removes what is older than is kept; also when nothing is appended for long. */
void	story_files_expire(struct story_files *files, struct timestamp now);

#endif
