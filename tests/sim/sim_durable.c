/*
 * sim_durable.c - what a sync makes durable, and what a power cut leaves of the rest
 */
#include <string.h>

#include "base/insist.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_world.h"

enum { SECTORS_PER_PAGE = SIM_PAGE_BYTES / SIM_SECTOR_BYTES };

static void
forget_history(struct sim_inode *f)
{
	for (uint32_t i = 0; i < f->n_dirty; i++)
		f->flags[f->dirty[i]] &= (uint8_t)~PAGE_DIRTY;
	f->n_dirty = f->n_writes = f->n_sizes = 0;
}

/* Frees all versions but `keep`, which may be 0. */
static void
free_other_versions(struct sim_disk *disk, uint32_t newest, uint32_t keep)
{
	uint32_t older;

	for (uint32_t page = newest; page != 0; page = older) {
		older = disk->versions[page].older;
		if (page != keep)
			volume_free_page(disk, page);
	}
}

static void
make_durable(struct sim_disk *disk, struct sim_inode *f, uint32_t index, uint32_t page)
{
	volume_free_page(disk, f->durable[index]);
	f->durable[index] = page;
	if (page != 0)
		disk->versions[page] = (struct sim_version){ 0 };
}

void
volume_sync(struct sim_disk *disk, int inode)
{
	struct sim_inode *f = &disk->inodes[inode];

	for (uint32_t i = 0; i < f->n_dirty; i++) {
		uint32_t index = f->dirty[i], newest = f->newest[index];

		free_other_versions(disk, newest, newest);
		make_durable(disk, f, index, newest);
		f->newest[index] = 0;
	}
	f->durable_bytes = f->bytes;
	forget_history(f);
}

/* --- what is left --- */

struct cut {				/* through one file's history */
	enum sim_rule	 rule;
	uint64_t	 salt;
	uint32_t	 last_write;	/* TORN: the last one that is whole */
	int64_t		 torn_at;	/* TORN: sectors of the next write below this one (of the file) came through */
};

static bool
write_is_kept(const struct cut *cut, uint32_t write, int64_t sector)
{
	uint64_t state = cut->salt ^ (uint64_t)write << 20;

	if (write == SIM_NEVER_WRITTEN)
		return false;
	switch (cut->rule) {
	case SIM_RULE_KEPT:
		return true;
	case SIM_RULE_LOST:
		return false;
	case SIM_RULE_TORN:
		return write <= cut->last_write || (write == cut->last_write + 1 && sector < cut->torn_at);
	case SIM_RULE_REORDERED:
		return sim_dice_roll(&state) % 2 == 0;
	case SIM_RULE_SCRAMBLED:
		state ^= (uint64_t)sector * 0x9e3779b97f4a7c15;
		return sim_dice_roll(&state) % 2 == 0;
	case SIM_RULE_BY_SEED:
		break;
	}
	insist(cut->rule != SIM_RULE_BY_SEED);
	return false;
}

/* A sector of the page of the first write through that write's last page. */
static int64_t
sector_to_tear_at(const struct sim_disk *disk, const struct sim_inode *f, uint32_t write, uint64_t *dice)
{
	int64_t low = INT64_MAX, high = 0;

	for (uint32_t i = 0; i < f->n_dirty; i++)
		for (uint32_t page = f->newest[f->dirty[i]]; page != 0; page = disk->versions[page].older)
			if (disk->versions[page].write == write) {
				int64_t first = (int64_t)f->dirty[i] * SECTORS_PER_PAGE;

				low = first < low ? first : low;
				high = first + SECTORS_PER_PAGE > high ? first + SECTORS_PER_PAGE : high;
			}
	return low > high ? 0 : low + (int64_t)(sim_dice_roll(dice) % (uint64_t)(high - low));
}

/* The page as the cut leaves it on the disk; a new one, or 0 for a hole. */
static uint32_t
page_after_cut(struct sim_disk *disk, const struct sim_inode *f, uint32_t index, const struct cut *cut)
{
	uint32_t result = f->durable[index] != 0 || f->newest[index] != 0 ? volume_new_page(disk, f->durable[index]) : 0;

	for (int s = 0; result != 0 && s < SECTORS_PER_PAGE; s++) {
		int64_t sector = (int64_t)index * SECTORS_PER_PAGE + s;
		uint32_t page = f->newest[index];

		while (page != 0 && !(disk->versions[page].sectors & 1 << s &&
		    write_is_kept(cut, disk->versions[page].write, sector)))
			page = disk->versions[page].older;
		if (page != 0)
			memcpy(disk->pages[result] + s * SIM_SECTOR_BYTES, disk->pages[page] + s * SIM_SECTOR_BYTES,
			    SIM_SECTOR_BYTES);
	}
	return result;
}

static int64_t
bytes_after_cut(const struct sim_inode *f, const struct cut *cut, uint64_t *dice)
{
	int64_t bytes = f->durable_bytes;
	uint64_t which = sim_dice_roll(dice) % (f->n_sizes + 1);

	switch (cut->rule) {
	case SIM_RULE_KEPT:
		return f->bytes;
	case SIM_RULE_LOST:
		return f->durable_bytes;
	case SIM_RULE_TORN:
		for (uint32_t i = 0; i < f->n_sizes; i++)
			if (f->sizes[i].write <= cut->last_write + 1)
				bytes = f->sizes[i].bytes;
		return bytes;
	case SIM_RULE_REORDERED:
	case SIM_RULE_SCRAMBLED:
		return which == 0 ? f->durable_bytes : f->sizes[which - 1].bytes;
	case SIM_RULE_BY_SEED:
		break;
	}
	insist(cut->rule != SIM_RULE_BY_SEED);
	return bytes;
}

static struct cut
cut_of(const struct sim_disk *disk, const struct sim_inode *f, enum sim_rule rule, uint64_t *dice)
{
	struct cut cut = { .rule = rule, .salt = sim_dice_roll(dice) };

	if (rule == SIM_RULE_TORN) {
		cut.last_write = (uint32_t)(sim_dice_roll(dice) % (f->n_writes + 1));
		cut.torn_at = sector_to_tear_at(disk, f, cut.last_write + 1, dice);
	}
	return cut;
}

void
volume_sync_fails(struct sim_disk *disk, int inode, uint64_t *dice)
{
	struct sim_inode *f = &disk->inodes[inode];
	struct cut cut = cut_of(disk, f, SIM_RULE_SCRAMBLED, dice);

	for (uint32_t i = 0; i < f->n_dirty; i++) {
		uint32_t index = f->dirty[i], newest = f->newest[index];

		make_durable(disk, f, index, page_after_cut(disk, f, index, &cut));
		free_other_versions(disk, newest, newest);
		disk->versions[newest] = (struct sim_version){ .write = SIM_NEVER_WRITTEN };
	}
	f->durable_bytes = bytes_after_cut(f, &cut, dice);
	forget_history(f);
}

void
volume_lose(struct sim_disk *disk, int inode, struct sim_loss *loss)
{
	struct sim_inode *f = &disk->inodes[inode];
	struct cut cut = cut_of(disk, f, loss->rule, &loss->dice);
	int64_t bytes = bytes_after_cut(f, &cut, &loss->dice);

	for (uint32_t i = 0; i < f->n_pages; i++) {
		int64_t start = (int64_t)i * SIM_PAGE_BYTES;

		if (f->newest[i] != 0) {
			make_durable(disk, f, i, page_after_cut(disk, f, i, &cut));
			free_other_versions(disk, f->newest[i], 0);
			f->newest[i] = 0;
		}
		if (start + SIM_PAGE_BYTES > bytes && f->durable[i] != 0) {
			size_t keep = start < bytes ? (size_t)(bytes - start) : 0;

			memset(disk->pages[f->durable[i]] + keep, 0, SIM_PAGE_BYTES - keep);
		}
		if (start >= bytes && f->flags[i] & PAGE_CLAIMED) {
			f->flags[i] &= (uint8_t)~PAGE_CLAIMED;
			disk->used_bytes -= SIM_PAGE_BYTES;
		}
	}
	f->bytes = f->durable_bytes = bytes;
	forget_history(f);
}
