/*
 * sim_notes.c - what peers know, kept where no crash reaches it
 */
#include "base/insist.h"
#include "tests/sim/sim_world.h"

struct note {				/* followed by kind, key and bytes, up to a multiple of 8 */
	uint32_t	 kind_bytes, key_bytes, bytes;
	uint32_t	 all_bytes;
};

void
sim_note(struct sim *sim, const char *kind, struct str key, struct str bytes)
{
	struct sim_machine *m = sim->machine;
	size_t kind_bytes = strlen(kind), all = sizeof(struct note) + kind_bytes + key.len + bytes.len;
	struct note note;
	char *at = m->notes + m->notes_bytes;

	all = (all + 7) & ~(size_t)7;
	insist(m->notes_bytes + all <= SIM_NOTES_MAX_BYTES);	/* note less in one test */
	note = (struct note){ (uint32_t)kind_bytes, (uint32_t)key.len, (uint32_t)bytes.len, (uint32_t)all };
	memcpy(at, &note, sizeof(note));
	memcpy(at += sizeof(note), kind, kind_bytes);
	if (key.len > 0)
		memcpy(at + kind_bytes, key.at, key.len);
	if (bytes.len > 0)
		memcpy(at + kind_bytes + key.len, bytes.at, bytes.len);
	m->notes_bytes += all;
}

/* The first note from *place on that fits; *place is then behind it. */
static bool
next_note(const struct sim *sim, size_t *place, struct str kind, struct str key, struct str *key_out, struct str *bytes_out)
{
	const struct sim_machine *m = sim->machine;

	while (*place < m->notes_bytes) {
		const char *at = m->notes + *place;
		struct note note;
		struct str k, v;

		memcpy(&note, at, sizeof(note));
		*place += note.all_bytes;
		at += sizeof(note);
		k = str_n(at + note.kind_bytes, note.key_bytes);
		v = str_n(k.at + k.len, note.bytes);
		if (!str_eq(str_n(at, note.kind_bytes), kind) || (key.at != NULL && !str_eq(k, key)))
			continue;
		*key_out = k;
		*bytes_out = v;
		return true;
	}
	return false;
}

int
sim_n_notes(const struct sim *sim, const char *kind, struct str key)
{
	struct str k, v;
	size_t place = 0;
	int n = 0;

	while (next_note(sim, &place, str_of(kind), key, &k, &v))
		n++;
	return n;
}

bool
sim_find_note(const struct sim *sim, const char *kind, struct str key, int nth, struct str *key_out, struct str *bytes_out)
{
	struct str k, v;
	size_t place = 0;

	for (int n = 0; next_note(sim, &place, str_of(kind), key, &k, &v); n++) {
		if (n != nth)
			continue;
		if (key_out != NULL)
			*key_out = k;
		if (bytes_out != NULL)
			*bytes_out = v;
		return true;
	}
	return false;
}
