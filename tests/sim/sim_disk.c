/*
 * sim_disk.c - what is in the files of the simulated disk, version by version
 */
#include <errno.h>
#include <string.h>

#include "base/insist.h"
#include "tests/sim/sim_disk.h"

void
volume_init(struct sim_disk *disk, int64_t total_bytes)
{
	disk->total_bytes = total_bytes;
	disk->n_touched = 1;			/* page 0 stands for none */
	disk->inodes[0].is_used = disk->inodes[0].is_dir = true;
	strcpy(disk->names[0].path, "/");
	disk->durable_names[0] = disk->names[0];
}

uint32_t
volume_new_page(struct sim_disk *disk, uint32_t like)
{
	uint32_t page = disk->first_free;

	if (page != 0) {
		disk->first_free = disk->versions[page].older;
	} else {
		insist(disk->n_touched < SIM_N_PAGES);	/* write less in one test, or sync more often */
		page = disk->n_touched++;
	}
	disk->versions[page] = (struct sim_version){ 0 };
	if (like != 0)
		memcpy(disk->pages[page], disk->pages[like], SIM_PAGE_BYTES);
	else
		memset(disk->pages[page], 0, SIM_PAGE_BYTES);
	return page;
}

void
volume_free_page(struct sim_disk *disk, uint32_t page)
{
	if (page == 0)
		return;
	disk->versions[page].older = disk->first_free;
	disk->first_free = page;
}

int
volume_new_inode(struct sim_disk *disk, bool is_dir)
{
	for (int i = 1; i < SIM_N_INODES; i++)
		if (!disk->inodes[i].is_used) {
			disk->inodes[i].is_used = true;
			disk->inodes[i].is_dir = is_dir;
			if (i >= disk->n_inodes)
				disk->n_inodes = i + 1;
			return i;
		}
	return -ENOSPC;
}

static void
free_versions(struct sim_disk *disk, struct sim_inode *f, uint32_t index)
{
	uint32_t older;

	for (uint32_t page = f->newest[index]; page != 0; page = older) {
		older = disk->versions[page].older;
		volume_free_page(disk, page);
	}
	f->newest[index] = 0;
}

void
volume_free_inode(struct sim_disk *disk, int inode)
{
	struct sim_inode *f = &disk->inodes[inode];

	for (uint32_t i = 0; i < f->n_pages; i++) {
		if (f->flags[i] == 0 && f->durable[i] == 0 && f->newest[i] == 0)
			continue;
		free_versions(disk, f, i);
		volume_free_page(disk, f->durable[i]);
		if (f->flags[i] & PAGE_CLAIMED)
			disk->used_bytes -= SIM_PAGE_BYTES;
		f->durable[i] = 0;
		f->flags[i] = 0;
	}
	f->is_used = f->is_dir = false;
	f->bytes = f->durable_bytes = 0;
	f->n_writes = f->n_sizes = f->n_dirty = f->n_pages = 0;
}

static bool
claim_page(struct sim_disk *disk, struct sim_inode *f, uint32_t index)
{
	if (f->flags[index] & PAGE_CLAIMED)
		return true;
	if (disk->used_bytes + SIM_PAGE_BYTES > disk->total_bytes)
		return false;
	f->flags[index] |= PAGE_CLAIMED;
	if (index >= f->n_pages)
		f->n_pages = index + 1;
	disk->used_bytes += SIM_PAGE_BYTES;
	return true;
}

static void
unclaim_page(struct sim_disk *disk, struct sim_inode *f, uint32_t index)
{
	if (f->flags[index] & PAGE_CLAIMED)
		disk->used_bytes -= SIM_PAGE_BYTES;
	f->flags[index] &= (uint8_t)~PAGE_CLAIMED;
}

/* A fresh version of a page, for the write at hand to bytes [from, to) of it; where the page is. */
static char *
version_for_write(struct sim_disk *disk, struct sim_inode *f, uint32_t index, size_t from, size_t to)
{
	uint32_t newest = f->newest[index], page;
	int n_versions = 0;
	uint8_t sectors = 0;

	for (size_t s = from / SIM_SECTOR_BYTES; s * SIM_SECTOR_BYTES < to; s++)
		sectors |= (uint8_t)(1 << s);

	if (!(f->flags[index] & PAGE_DIRTY)) {
		f->flags[index] |= PAGE_DIRTY;
		f->dirty[f->n_dirty++] = index;
	}
	for (page = newest; page != 0; page = disk->versions[page].older)
		n_versions++;
	if (n_versions >= SIM_VERSIONS_MAX) {
		disk->versions[newest].write = f->n_writes;
		disk->versions[newest].sectors |= sectors;
		return disk->pages[newest];
	}
	page = volume_new_page(disk, newest != 0 ? newest : f->durable[index]);
	disk->versions[page] = (struct sim_version){ .older = newest, .write = f->n_writes, .sectors = sectors };
	f->newest[index] = page;
	return disk->pages[page];
}

static void
set_bytes(struct sim_inode *f, int64_t n_bytes)
{
	f->bytes = n_bytes;
	if (f->n_sizes == SIM_N_SIZES)
		memmove(f->sizes, f->sizes + 1, --f->n_sizes * sizeof(f->sizes[0]));
	f->sizes[f->n_sizes++] = (struct sim_size){ .write = f->n_writes, .bytes = n_bytes };
}

ssize_t
volume_read(const struct sim_disk *disk, int inode, void *room, size_t n_bytes, int64_t offset)
{
	const struct sim_inode *f = &disk->inodes[inode];
	size_t done = 0;

	if (offset >= f->bytes)
		return 0;
	if ((int64_t)n_bytes > f->bytes - offset)
		n_bytes = (size_t)(f->bytes - offset);
	while (done < n_bytes) {
		uint32_t index = (uint32_t)((offset + (int64_t)done) / SIM_PAGE_BYTES);
		size_t at = (size_t)((offset + (int64_t)done) % SIM_PAGE_BYTES), n = SIM_PAGE_BYTES - at;
		uint32_t page = f->newest[index] != 0 ? f->newest[index] : f->durable[index];

		if (n > n_bytes - done)
			n = n_bytes - done;
		if (page != 0)
			memcpy((char *)room + done, disk->pages[page] + at, n);
		else
			memset((char *)room + done, 0, n);
		done += n;
	}
	return (ssize_t)done;
}

ssize_t
volume_write(struct sim_disk *disk, int inode, const char *bytes, size_t n_bytes, int64_t offset)
{
	struct sim_inode *f = &disk->inodes[inode];
	size_t done = 0;

	if (offset < 0)
		return -EINVAL;
	if (offset + (int64_t)n_bytes > (int64_t)SIM_FILE_PAGES * SIM_PAGE_BYTES)
		return -EFBIG;
	f->n_writes++;
	while (done < n_bytes) {
		uint32_t index = (uint32_t)((offset + (int64_t)done) / SIM_PAGE_BYTES);
		size_t at = (size_t)((offset + (int64_t)done) % SIM_PAGE_BYTES), n = SIM_PAGE_BYTES - at;

		if (n > n_bytes - done)
			n = n_bytes - done;
		if (!claim_page(disk, f, index))
			break;
		memcpy(version_for_write(disk, f, index, at, at + n) + at, bytes + done, n);
		done += n;
	}
	if (done == 0)
		return n_bytes == 0 ? 0 : -ENOSPC;
	if (offset + (int64_t)done > f->bytes)
		set_bytes(f, offset + (int64_t)done);
	return (ssize_t)done;
}

int
volume_resize(struct sim_disk *disk, int inode, int64_t n_bytes)
{
	struct sim_inode *f = &disk->inodes[inode];
	uint32_t first = (uint32_t)(n_bytes / SIM_PAGE_BYTES);
	size_t tail = (size_t)(n_bytes % SIM_PAGE_BYTES);

	if (n_bytes < 0 || n_bytes > (int64_t)SIM_FILE_PAGES * SIM_PAGE_BYTES)
		return n_bytes < 0 ? -EINVAL : -EFBIG;
	f->n_writes++;
	for (uint32_t i = first; i < f->n_pages; i++) {
		size_t from = i == first ? tail : 0;

		if (f->durable[i] != 0 || f->newest[i] != 0)
			memset(version_for_write(disk, f, i, from, SIM_PAGE_BYTES) + from, 0, SIM_PAGE_BYTES - from);
		if (from == 0)
			unclaim_page(disk, f, i);
	}
	set_bytes(f, n_bytes);
	return 0;
}

int
volume_claim(struct sim_disk *disk, int inode, int64_t n_bytes)
{
	struct sim_inode *f = &disk->inodes[inode];
	uint32_t n_pages = (uint32_t)((n_bytes + SIM_PAGE_BYTES - 1) / SIM_PAGE_BYTES);
	int64_t missing = 0;

	if (n_bytes < 0 || n_pages > SIM_FILE_PAGES)
		return n_bytes < 0 ? -EINVAL : -EFBIG;
	for (uint32_t i = 0; i < n_pages; i++)
		if (!(f->flags[i] & PAGE_CLAIMED))
			missing += SIM_PAGE_BYTES;
	if (disk->used_bytes + missing > disk->total_bytes)
		return -ENOSPC;
	for (uint32_t i = 0; i < n_pages; i++)
		claim_page(disk, f, i);
	f->n_writes++;
	if (n_bytes > f->bytes)
		set_bytes(f, n_bytes);
	return 0;
}
