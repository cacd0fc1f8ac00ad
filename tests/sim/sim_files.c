/*
 * sim_files.c - os.h's calls on files, on the simulated disk
 *
 * Each counted call may be the world's last, before it has any effect.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/insist.h"
#include "tests/sim/sim_world.h"

/* The runtime's, if the test has fibers at all. */
struct fiber;
struct fiber	*fiber_self(void) __attribute__((weak));

static struct sim_disk *
disk_here(void)
{
	return &sim_world()->sim->machine->disk;
}

/* Counts the call and says whether it is to fail: 0 or -errno. */
static int
begin(enum sim_disk_call call, const char *name)
{
	struct sim_disk *disk = disk_here();
	struct sim_disk_fault *fault = &disk->faults[call];

	if (!sim_world()->sim->options.may_block && sim_world()->n_jobs_running == 0 && fiber_self != NULL && fiber_self() != NULL)
		sim_world_misused("%s blocks, and a fiber called it outside of a crew's job", name);
	disk->n_calls[call]++;
	if (fault->wait == 0 || --fault->wait > 0)
		return 0;
	if (--fault->n_left > 0)
		fault->wait = 1;
	sim_world_trace("disk fault", name, fault->error, 0);
	return -fault->error;
}

/* One form for each path: no slash at the end, none doubled. */
static int
clean_path(const char *path, char out[SIM_PATH_MAX_BYTES])
{
	size_t n = 1;

	if (path[0] == '\0')
		return -ENOENT;
	out[0] = '/';				/* the working directory is "/" */
	for (const char *p = path; *p != '\0'; p++) {
		if (*p == '/' && out[n - 1] == '/')
			continue;
		if (n >= SIM_PATH_MAX_BYTES - 1)
			return -ENAMETOOLONG;
		out[n++] = *p;
	}
	while (n > 1 && out[n - 1] == '/')
		n--;
	out[n] = '\0';
	return 0;
}

static int
open_inode(int inode, enum os_open_how how)
{
	int fd = sim_fd_new(FD_FILE);

	if (fd < 0)
		return fd;
	sim_fd_get(fd, FD_FILE)->inode = inode;
	sim_fd_get(fd, FD_FILE)->may_write = how != OS_OPEN_READ;
	return fd;
}

int
os_open(const char *path, enum os_open_how how)
{
	struct sim_disk *disk = disk_here();
	char clean[SIM_PATH_MAX_BYTES];
	int fault = begin(SIM_OPEN, "os_open"), inode;

	if (fault == 0)
		fault = clean_path(path, clean);
	if (fault != 0)
		return fault;
	inode = volume_find(disk, clean);
	if (inode >= 0) {
		sim_world_trace("open", clean, how, 0);
		if (how == OS_OPEN_CREATE)
			return -EEXIST;
		return disk->inodes[inode].is_dir ? -EISDIR : open_inode(inode, how);
	}
	if (how == OS_OPEN_READ || how == OS_OPEN_WRITE || !volume_has_parent(disk, clean))
		return -ENOENT;
	sim_world_call("create", clean, how, 0);
	if ((inode = volume_new_inode(disk, false)) < 0) {
		volume_age_names(disk);
		volume_forget_unnamed(disk);
		if ((inode = volume_new_inode(disk, false)) < 0)
			return inode;
	}
	volume_set_name(disk, clean, inode, NULL);
	return open_inode(inode, how);
}

ssize_t
os_pread(int fd, void *room, size_t n_bytes, int64_t offset)
{
	struct sim_fd *f = sim_fd_get(fd, FD_FILE);
	int fault = begin(SIM_READ, "os_pread");

	sim_world_trace("pread", "", (int64_t)n_bytes, offset);
	return fault != 0 ? fault : volume_read(disk_here(), f->inode, room, n_bytes, offset);
}

ssize_t
os_pread_cached(int fd, void *room, size_t n_bytes, int64_t offset)
{
	struct sim_fd *f = sim_fd_get(fd, FD_FILE);
	bool is_cached = !sim_world_dice_percent(DICE_DISK, sim_world()->sim->options.uncached_percent);

	sim_world_trace("pread_cached", "", (int64_t)n_bytes, is_cached ? offset : -EAGAIN);
	if (!is_cached)
		return -EAGAIN;
	if (n_bytes > SIM_PAGE_BYTES && sim_world_dice_percent(DICE_DISK, sim_world()->sim->options.uncached_percent))
		n_bytes -= (size_t)(offset + (int64_t)n_bytes) % SIM_PAGE_BYTES;	/* the last page is not there */
	return volume_read(disk_here(), f->inode, room, n_bytes, offset);
}

/* What is there is there. */
void
os_read_ahead(int fd, int64_t offset, int64_t n_bytes)
{
	(void)sim_fd_get(fd, FD_FILE);
	(void)offset;
	(void)n_bytes;
}

/* Gathers what is written, no more than is taken in one call. */
static size_t
gather(const struct iovec *pieces, int n_pieces, char *room, size_t max_bytes)
{
	size_t n = 0;

	for (int i = 0; i < n_pieces && n < max_bytes; i++) {
		size_t take = pieces[i].iov_len < max_bytes - n ? pieces[i].iov_len : max_bytes - n;

		if (take > 0)
			memcpy(room + n, pieces[i].iov_base, take);
		n += take;
	}
	return n;
}

ssize_t
os_pwritev(int fd, const struct iovec *pieces, int n_pieces, int64_t offset)
{
	static char room[1 << 20];	/* one thread, never in use across calls */
	struct sim_fd *f = sim_fd_get(fd, FD_FILE);
	int fault = begin(SIM_WRITE, "os_pwritev");
	size_t n = gather(pieces, n_pieces, room, sizeof(room));

	sim_world_call("pwritev", "", (int64_t)n, offset);
	if (fault != 0)
		return fault;
	if (!f->may_write)
		return -EBADF;
	if (n > 1 && sim_world_dice_percent(DICE_DISK, sim_world()->sim->options.short_percent))
		n = 1 + sim_world_dice(DICE_DISK, n - 1);
	return volume_write(disk_here(), f->inode, room, n, offset);
}

int
os_sync_data(int fd)
{
	struct sim_fd *f = sim_fd_get(fd, FD_FILE);
	int fault = begin(SIM_SYNC, "os_sync_data");

	sim_world_call("sync_data", "", f->inode, 0);
	if (fault != 0) {
		volume_sync_fails(disk_here(), f->inode, &sim_world()->dice[DICE_DISK]);
		return fault;
	}
	volume_sync(disk_here(), f->inode);
	return 0;
}

int
os_sync_dir(const char *path)
{
	struct sim_disk *disk = disk_here();
	char clean[SIM_PATH_MAX_BYTES];
	int fault = begin(SIM_SYNC_DIR, "os_sync_dir"), inode;

	if (fault == 0)
		fault = clean_path(path, clean);
	if (fault != 0)
		return fault;
	sim_world_call("sync_dir", clean, 0, 0);
	inode = volume_find(disk, clean);
	if (inode < 0)
		return inode;
	if (!disk->inodes[inode].is_dir)
		return -ENOTDIR;
	volume_sync_names(disk, clean);
	volume_forget_unnamed(disk);
	return 0;
}

int
os_allocate(int fd, int64_t n_bytes)
{
	struct sim_fd *f = sim_fd_get(fd, FD_FILE);
	int fault = begin(SIM_ALLOCATE, "os_allocate");

	sim_world_call("allocate", "", n_bytes, 0);
	return fault != 0 ? fault : volume_claim(disk_here(), f->inode, n_bytes);
}

int
os_truncate(int fd, int64_t n_bytes)
{
	struct sim_fd *f = sim_fd_get(fd, FD_FILE);
	int fault = begin(SIM_TRUNCATE, "os_truncate");

	sim_world_call("truncate", "", n_bytes, 0);
	return fault != 0 ? fault : volume_resize(disk_here(), f->inode, n_bytes);
}

int64_t
os_file_bytes(int fd)
{
	return disk_here()->inodes[sim_fd_get(fd, FD_FILE)->inode].bytes;
}

int
os_file_mode(int fd)
{
	sim_fd_get(fd, FD_FILE);
	return 0600;
}

static size_t
parent_length(const char *path)
{
	return (size_t)(strrchr(path, '/') - path);
}

int
os_rename(const char *from, const char *to)
{
	struct sim_disk *disk = disk_here();
	char old[SIM_PATH_MAX_BYTES], new[SIM_PATH_MAX_BYTES];
	int fault = begin(SIM_RENAME, "os_rename"), inode;

	if (fault != 0 || (fault = clean_path(from, old)) != 0 || (fault = clean_path(to, new)) != 0)
		return fault;
	sim_world_call("rename", new, 0, 0);
	inode = volume_find(disk, old);
	if (inode < 0 || !volume_has_parent(disk, new))
		return -ENOENT;
	if (disk->inodes[inode].is_dir)
		sim_world_misused("os_rename of a directory is not simulated");
	if (parent_length(old) == parent_length(new) && strncmp(old, new, parent_length(old)) == 0) {
		volume_set_name(disk, new, inode, old);
	} else {		/* two directories, two syncs: there may be both names, or none */
		volume_set_name(disk, new, inode, NULL);
		volume_set_name(disk, old, -1, NULL);
	}
	volume_forget_unnamed(disk);
	return 0;
}

int
os_unlink(const char *path)
{
	struct sim_disk *disk = disk_here();
	char clean[SIM_PATH_MAX_BYTES];
	int fault = begin(SIM_UNLINK, "os_unlink"), inode;

	if (fault != 0 || (fault = clean_path(path, clean)) != 0)
		return fault;
	sim_world_call("unlink", clean, 0, 0);
	inode = volume_find(disk, clean);
	if (inode < 0)
		return inode;
	if (disk->inodes[inode].is_dir)
		return -EISDIR;
	volume_set_name(disk, clean, -1, NULL);
	return 0;
}

int
os_make_dir(const char *path)
{
	struct sim_disk *disk = disk_here();
	char clean[SIM_PATH_MAX_BYTES];
	int fault = begin(SIM_OPEN, "os_make_dir"), inode;

	if (fault != 0 || (fault = clean_path(path, clean)) != 0)
		return fault;
	sim_world_call("make_dir", clean, 0, 0);
	inode = volume_find(disk, clean);
	if (inode >= 0)
		return disk->inodes[inode].is_dir ? 0 : -EEXIST;
	if (!volume_has_parent(disk, clean))
		return -ENOENT;
	if ((inode = volume_new_inode(disk, true)) < 0)
		return inode;
	volume_set_name(disk, clean, inode, NULL);
	return 0;
}

int
os_list_dir(const char *path, void (*each)(void *context, const char *name), void *context)
{
	struct sim_disk *disk = disk_here();
	char clean[SIM_PATH_MAX_BYTES], name[SIM_PATH_MAX_BYTES];
	int fault = begin(SIM_LIST, "os_list_dir"), inode, start;

	if (fault != 0 || (fault = clean_path(path, clean)) != 0)
		return fault;
	inode = volume_find(disk, clean);
	if (inode < 0)
		return inode;
	if (!disk->inodes[inode].is_dir)
		return -ENOTDIR;
	start = (int)sim_world_dice(DICE_DISK, SIM_N_NAMES);	/* no order is promised */
	for (int i = 0; i < SIM_N_NAMES; i++) {
		const struct sim_name *n = &disk->names[(start + i) % SIM_N_NAMES];

		if (n->path[0] == '\0' || !sim_path_is_in(n->path, clean))
			continue;
		strcpy(name, strrchr(n->path, '/') + 1);	/* each may unlink it */
		each(context, name);
	}
	return 0;
}

int
os_lock(int fd)
{
	struct sim_process *p = sim_world();
	struct sim_fd *f = sim_fd_get(fd, FD_FILE);

	for (int i = 0; i < p->n_fds; i++)
		if (p->fds[i].kind == FD_FILE && p->fds[i].inode == f->inode && p->fds[i].is_locked && &p->fds[i] != f)
			return -EWOULDBLOCK;
	f->is_locked = true;
	return 0;
}

int64_t
os_free_bytes(const char *path)
{
	return disk_here()->total_bytes - disk_here()->used_bytes;
}
