/*
 * sim_disk.h - a disk that remembers what is durable, and every version since
 *
 * Pages of a file have a durable version and a chain of later ones, one per write, so
 * that a power cut can leave each sector as it was after any of the writes.  Names have
 * a durable table, today's table, and the list of changes between them.  No pointers:
 * all of it lies in memory that processes share.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/sim/sim.h"

enum {
	SIM_PAGE_BYTES = 4096,
	SIM_SECTOR_BYTES = 512,		/* what a disk writes whole or not at all */
	SIM_N_PAGES = 1 << 16,		/* of all files and versions, 256 MB of address space */
	SIM_FILE_PAGES = 1 << 15,	/* 128 MB: two of the queue's largest segments */
	SIM_N_INODES = 512,
	SIM_N_NAMES = 1024,
	SIM_N_NAME_CHANGES = 1024,	/* unsynced; then the oldest becomes durable by itself */
	SIM_PATH_MAX_BYTES = 200,
	SIM_N_SIZES = 64,		/* sizes a file had since its last sync; then the oldest is forgotten */
	SIM_VERSIONS_MAX = 24,		/* of one page; a write beyond goes into the newest */
};

#define SIM_NEVER_WRITTEN	UINT32_MAX	/* a version that a failed sync has dropped */

struct sim_version {			/* describes the page of the same number */
	uint32_t	 older;		/* page number; 0: the durable one */
	uint32_t	 write;		/* its number since the last sync, from 1 */
	uint8_t		 sectors;	/* a bit for each that the write touched */
};

struct sim_size {
	uint32_t	 write;
	int64_t		 bytes;
};

enum { PAGE_CLAIMED = 1, PAGE_DIRTY = 2 };

struct sim_inode {
	bool		 is_used, is_dir;
	int64_t		 bytes, durable_bytes;
	uint32_t	 n_writes;	/* since the last sync */
	uint32_t	 n_sizes;
	struct sim_size	 sizes[SIM_N_SIZES];
	uint32_t	 n_pages;	/* none behind them was ever in use */
	uint32_t	 n_dirty;
	uint32_t	 dirty[SIM_FILE_PAGES];		/* which pages */
	uint32_t	 durable[SIM_FILE_PAGES];	/* page number; 0: a hole */
	uint32_t	 newest[SIM_FILE_PAGES];	/* 0: the durable one */
	uint8_t		 flags[SIM_FILE_PAGES];
};

struct sim_name {
	char		 path[SIM_PATH_MAX_BYTES];	/* "": free */
	int		 inode;
};

struct sim_name_change {
	char		 path[SIM_PATH_MAX_BYTES];
	char		 gone[SIM_PATH_MAX_BYTES];	/* goes in the same moment: a rename within a directory */
	int		 inode;				/* -1: the path goes */
};

struct sim_disk_fault {
	int		 wait;		/* calls until it strikes; 0: never */
	int		 n_left;
	int		 error;
};

struct sim_disk {
	int64_t			 total_bytes, used_bytes;
	struct sim_disk_fault	 faults[SIM_N_DISK_CALLS];
	int64_t			 n_calls[SIM_N_DISK_CALLS];
	struct sim_name		 names[SIM_N_NAMES], durable_names[SIM_N_NAMES];
	int			 n_changes;
	struct sim_name_change	 changes[SIM_N_NAME_CHANGES];
	int			 n_inodes;	/* one behind the last that was ever used: looking at others would use memory */
	struct sim_inode	 inodes[SIM_N_INODES];
	uint32_t		 first_free, n_touched;	/* pages: a list through older, and those never used */
	struct sim_version	 versions[SIM_N_PAGES];
	char			 pages[SIM_N_PAGES][SIM_PAGE_BYTES];
};

/* How much of what is not synced stays; made once for a power cut. */
struct sim_loss {
	enum sim_rule	 rule;		/* not SIM_RULE_BY_SEED */
	uint64_t	 dice;
};

/* --- sim_disk.c: what is in files --- */
void	 volume_init(struct sim_disk *disk, int64_t total_bytes);
int	 volume_new_inode(struct sim_disk *disk, bool is_dir);	/* or -ENOSPC */
void	 volume_free_inode(struct sim_disk *disk, int inode);
ssize_t	 volume_read(const struct sim_disk *disk, int inode, void *room, size_t n_bytes, int64_t offset);
/* Takes what fits; -ENOSPC when nothing does, -EFBIG.  One write, however many pages. */
ssize_t	 volume_write(struct sim_disk *disk, int inode, const char *bytes, size_t n_bytes, int64_t offset);
int	 volume_resize(struct sim_disk *disk, int inode, int64_t n_bytes);
int	 volume_claim(struct sim_disk *disk, int inode, int64_t n_bytes);	/* room for it all, or -ENOSPC and nothing */

/* --- sim_durable.c: what stays --- */
void	 volume_sync(struct sim_disk *disk, int inode);
/* A sync that failed: some of it got there; the rest is clean in memory and never will. */
void	 volume_sync_fails(struct sim_disk *disk, int inode, uint64_t *dice);
void	 volume_lose(struct sim_disk *disk, int inode, struct sim_loss *loss);
uint32_t	volume_new_page(struct sim_disk *disk, uint32_t like);	/* like 0: zeros */
void	 volume_free_page(struct sim_disk *disk, uint32_t page);

/* --- sim_names.c --- */
int	 volume_find(const struct sim_disk *disk, const char *path);	/* inode or -ENOENT */
void	 volume_set_name(struct sim_disk *disk, const char *path, int inode, const char *gone);	/* today's; gone: or NULL */
void	 volume_age_names(struct sim_disk *disk);	/* the older half of changes becomes durable: the kernel writes it out one day, too */
void	 volume_sync_names(struct sim_disk *disk, const char *directory);
void	 volume_lose_names(struct sim_disk *disk, struct sim_loss *loss);
bool	 volume_has_parent(const struct sim_disk *disk, const char *path);
bool	 sim_path_is_in(const char *path, const char *directory);		/* directly */
void	 volume_forget_unnamed(struct sim_disk *disk);	/* inodes without name and descriptor */

#endif
