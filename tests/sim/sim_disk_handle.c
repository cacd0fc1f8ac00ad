/*
 * sim_disk_handle.c - what tests do to the simulated disk: faults, damage, counts
 */
#include <string.h>

#include "base/insist.h"
#include "tests/sim/sim_world.h"

void
sim_disk_fail(struct sim *sim, enum sim_disk_call call, int nth, int n_calls, int error)
{
	insist(nth > 0 && n_calls > 0 && error > 0);
	sim->machine->disk.faults[call] = (struct sim_disk_fault){ .wait = nth, .n_left = n_calls, .error = error };
}

void
sim_disk_heal(struct sim *sim)
{
	memset(sim->machine->disk.faults, 0, sizeof(sim->machine->disk.faults));
}

void
sim_disk_set_bytes(struct sim *sim, int64_t disk_bytes)
{
	sim->machine->disk.total_bytes = disk_bytes;
}

int64_t
sim_disk_used(const struct sim *sim)
{
	return sim->machine->disk.used_bytes;
}

int64_t
sim_disk_n_calls(const struct sim *sim, enum sim_disk_call call)
{
	return sim->machine->disk.n_calls[call];
}

void
sim_disk_flip(struct sim *sim, const char *path, int64_t offset)
{
	struct sim_disk *disk = &sim->machine->disk;
	int inode = volume_find(disk, path);
	struct sim_inode *f;
	uint32_t index = (uint32_t)(offset / SIM_PAGE_BYTES);

	insist(inode >= 0);
	f = &disk->inodes[inode];
	insist(offset >= 0 && offset < f->bytes);
	if (f->durable[index] == 0)
		f->durable[index] = volume_new_page(disk, 0);
	disk->pages[f->durable[index]][offset % SIM_PAGE_BYTES] ^= 4;
	for (uint32_t page = f->newest[index]; page != 0; page = disk->versions[page].older)
		disk->pages[page][offset % SIM_PAGE_BYTES] ^= 4;
}

void
sim_disk_make_dir(struct sim *sim, const char *path)
{
	struct sim_disk *disk = &sim->machine->disk;
	char part[SIM_PATH_MAX_BYTES];
	int inode;

	insist(path[0] == '/' && strlen(path) < sizeof(part));
	for (const char *end = path; *end != '\0';) {
		const char *start = end;	/* at the slash before the next part */

		end = strchr(start + 1, '/') != NULL ? strchr(start + 1, '/') : start + strlen(start);
		memcpy(part, path, (size_t)(end - path));
		part[end - path] = '\0';
		if (volume_find(disk, part) >= 0)
			continue;
		inode = volume_new_inode(disk, true);
		insist(inode > 0);
		volume_set_name(disk, part, inode, NULL);
		part[start == path ? 1 : start - path] = '\0';	/* its directory */
		volume_sync_names(disk, part);
	}
}
