/*
 * sim_names.c - names of the simulated disk: today's, the durable ones, the changes between
 *
 * Stricter than the file systems we know: a name is durable only when its own directory
 * was synced, and a power cut may keep any changes and lose any others.
 */
#include <errno.h>
#include <string.h>

#include "base/insist.h"
#include "tests/sim/sim_world.h"

static struct sim_name *
find_name(struct sim_name *names, const char *path)
{
	for (int i = 0; i < SIM_N_NAMES; i++)
		if (strcmp(names[i].path, path) == 0)
			return &names[i];
	return NULL;
}

int
volume_find(const struct sim_disk *disk, const char *path)
{
	for (int i = 0; i < SIM_N_NAMES; i++)
		if (strcmp(disk->names[i].path, path) == 0)
			return disk->names[i].inode;
	return -ENOENT;
}

static void
apply(struct sim_name *names, const struct sim_name_change *change)
{
	struct sim_name *name;

	if (change->gone[0] != '\0' && (name = find_name(names, change->gone)) != NULL)
		name->path[0] = '\0';
	name = find_name(names, change->path);
	if (change->inode < 0) {
		if (name != NULL)
			name->path[0] = '\0';
		return;
	}
	if (name == NULL)
		name = find_name(names, "");	/* a free one */
	insist(name != NULL);			/* SIM_N_NAMES files are enough for a test */
	strcpy(name->path, change->path);
	name->inode = change->inode;
}

bool
sim_path_is_in(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	if (strcmp(path, "/") == 0)
		return false;
	if (n == 1)			/* "/" */
		return strchr(path + 1, '/') == NULL;
	return strncmp(path, directory, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

static bool
table_has_parent(const struct sim_name *names, const struct sim_disk *disk, const char *path)
{
	for (int i = 0; i < SIM_N_NAMES; i++)
		if (names[i].path[0] != '\0' && disk->inodes[names[i].inode].is_dir && sim_path_is_in(path, names[i].path))
			return true;
	return false;
}

bool
volume_has_parent(const struct sim_disk *disk, const char *path)
{
	return table_has_parent(disk->names, disk, path);
}

void
volume_age_names(struct sim_disk *disk)
{
	int n = (disk->n_changes + 1) / 2;

	for (int i = 0; i < n; i++)
		apply(disk->durable_names, &disk->changes[i]);
	disk->n_changes -= n;
	memmove(disk->changes, disk->changes + n, (size_t)disk->n_changes * sizeof(disk->changes[0]));
}

void
volume_set_name(struct sim_disk *disk, const char *path, int inode, const char *gone)
{
	struct sim_name_change *change;

	if (disk->n_changes == SIM_N_NAME_CHANGES)
		volume_age_names(disk);
	change = &disk->changes[disk->n_changes++];
	strcpy(change->path, path);
	strcpy(change->gone, gone != NULL ? gone : "");
	change->inode = inode;
	apply(disk->names, change);
}

void
volume_sync_names(struct sim_disk *disk, const char *directory)
{
	int n_left = 0;

	for (int i = 0; i < disk->n_changes; i++) {
		if (sim_path_is_in(disk->changes[i].path, directory))
			apply(disk->durable_names, &disk->changes[i]);
		else
			disk->changes[n_left++] = disk->changes[i];
	}
	disk->n_changes = n_left;
}

static bool
change_is_kept(const struct sim_disk *disk, struct sim_loss *loss, int i, int first_lost)
{
	insist(loss->rule != SIM_RULE_BY_SEED && i < disk->n_changes);
	if (loss->rule == SIM_RULE_KEPT || loss->rule == SIM_RULE_LOST)
		return loss->rule == SIM_RULE_KEPT;
	if (loss->rule == SIM_RULE_TORN)
		return i < first_lost;
	return sim_dice_roll(&loss->dice) % 2 == 0;
}

static void
drop_names_without_parent(struct sim_disk *disk)
{
	bool has_dropped = true;

	while (has_dropped) {
		has_dropped = false;
		for (int i = 0; i < SIM_N_NAMES; i++) {
			struct sim_name *name = &disk->durable_names[i];

			if (name->path[0] == '\0' || strcmp(name->path, "/") == 0 ||
			    table_has_parent(disk->durable_names, disk, name->path))
				continue;
			name->path[0] = '\0';
			has_dropped = true;
		}
	}
}

void
volume_lose_names(struct sim_disk *disk, struct sim_loss *loss)
{
	int first_lost = (int)(sim_dice_roll(&loss->dice) % (uint64_t)(disk->n_changes + 1));

	for (int i = 0; i < disk->n_changes; i++)
		if (change_is_kept(disk, loss, i, first_lost))
			apply(disk->durable_names, &disk->changes[i]);
	drop_names_without_parent(disk);
	memcpy(disk->names, disk->durable_names, sizeof(disk->names));
	disk->n_changes = 0;
}

static bool
is_named(const struct sim_disk *disk, int inode)
{
	for (int i = 0; i < SIM_N_NAMES; i++)
		if ((disk->names[i].path[0] != '\0' && disk->names[i].inode == inode) ||
		    (disk->durable_names[i].path[0] != '\0' && disk->durable_names[i].inode == inode))
			return true;
	for (int i = 0; i < disk->n_changes; i++)
		if (disk->changes[i].inode == inode)
			return true;
	return false;
}

void
volume_forget_unnamed(struct sim_disk *disk)
{
	for (int i = 1; i < disk->n_inodes; i++)
		if (disk->inodes[i].is_used && !is_named(disk, i) && !sim_file_is_open(i))
			volume_free_inode(disk, i);
}
