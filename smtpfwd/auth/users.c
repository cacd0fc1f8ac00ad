/*
 * users.c - who may log in: the users file, read whole
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/insist.h"
#include "base/map.h"
#include "base/mem.h"
#include "smtpfwd/auth/prepare.h"
#include "smtpfwd/auth/secret_file.h"
#include "smtpfwd/auth/users.h"
#include "smtpfwd/runtime/os.h"

enum {
	FILE_MAX_BYTES = 64 * 1024 * 1024,	/* some 300,000 users */
	MEMORY_MAX_BYTES = 4 * FILE_MAX_BYTES,
	SHOWN_NAME_MAX_BYTES = 60,
};

struct listed_user {
	struct str		 name;		/* prepared */
	struct verifier		 verifier;
	int			 line;
};

struct users {
	atomic_int		  n_refs;
	struct arena		  arena;
	struct map		  by_name;	/* struct listed_user */
	struct listed_user	**all;		/* in the order of the file */
	int			  n, n_room;
	int			  n_scram;
	const struct scram_keys	 *pattern;	/* of the first SCRAM line: what made-up ones look like */
	uint64_t		  seed[2];
};

struct reading {
	struct users		*users;
	const char		*path;
	int			 line;
	struct fault		*fault_out;
};

/* --- reading --- */

static int
wrong(const struct reading *r, struct str name, const char *why)
{
	struct buf shown;

	buf_init(&shown, SHOWN_NAME_MAX_BYTES + sizeof("..."));
	escape_append(name, true, SHOWN_NAME_MAX_BYTES, &shown);
	fault_permanent(r->fault_out, "%s:%d: \"%.*s\" %s", r->path, r->line, STR_ARG(buf_str(&shown)), why);
	buf_fini(&shown);
	return -1;
}

static int
keep(const struct reading *r, struct str name, struct str text)
{
	struct users *users = r->users;
	struct listed_user *user = arena_alloc(&users->arena, sizeof(*user)), *other = map_get(&users->by_name, name);
	struct str kept;
	const char *why;

	if (other != NULL) {
		char twice[40];

		snprintf(twice, sizeof(twice), "stands in line %d too", other->line);
		return wrong(r, name, twice);
	}
	if (user == NULL || !arena_copy(&users->arena, name, &user->name) || !arena_copy(&users->arena, text, &kept))
		return wrong(r, name, "is one user too many: the file is too large");
	if (verifier_parse(kept, &user->verifier, &why) != 0)
		return wrong(r, name, why);
	user->line = r->line;
	if (users->n == users->n_room) {
		users->n_room = users->n_room > 0 ? 2 * users->n_room : 16;
		users->all = mem_resize_array(users->all, (size_t)users->n_room, sizeof(*users->all));
	}
	users->all[users->n++] = user;
	map_set(&users->by_name, user->name, user);
	if (user->verifier.kind == VERIFIER_SCRAM && users->n_scram++ == 0)
		users->pattern = &user->verifier.scram;
	return 0;
}

static int
read_line(const struct reading *r, struct str line)
{
	struct str rest = str_trim(line), name;
	struct buf prepared;
	int result;

	if (rest.len == 0 || rest.at[0] == '#')
		return 0;
	if (str_find(rest, ':') < 0) {
		fault_permanent(r->fault_out, "%s:%d: is no name:verifier", r->path, r->line);	/* it may be a secret: not shown */
		return -1;
	}
	str_take_until(&rest, ':', &name);
	buf_init(&prepared, LOGIN_MAX_BYTES);
	result = prepare(name, true, &prepared) == 0 ? keep(r, buf_str(&prepared), rest) :
	    wrong(r, name, "is no name of 1 to 255 bytes of UTF-8");
	buf_fini(&prepared);
	return result;
}

struct users *
users_parse(struct str text, const char *path, struct fault *fault_out)
{
	struct users *users = mem_new(sizeof(*users));
	struct reading r = { .users = users, .path = path, .fault_out = fault_out };
	struct str line;

	atomic_init(&users->n_refs, 1);
	os_random(users->seed, sizeof(users->seed));
	arena_init(&users->arena, MEMORY_MAX_BYTES);
	map_init(&users->by_name, users->seed);
	while (str_take_until(&text, '\n', &line)) {
		r.line++;
		if (read_line(&r, line) != 0) {
			users_unref(users);
			return NULL;
		}
	}
	return users;
}

struct users *
users_read(const char *path, struct fault *fault_out)
{
	struct users *users = NULL;
	struct buf text;

	buf_init(&text, FILE_MAX_BYTES);
	if (secret_file_read(path, &text, fault_out) == 0)
		users = users_parse(buf_str(&text), path, fault_out);
	prepare_wipe(&text);
	return users;
}

struct users *
users_ref(struct users *users)
{
	atomic_fetch_add(&users->n_refs, 1);
	return users;
}

void
users_unref(struct users *users)
{
	if (users == NULL || atomic_fetch_sub(&users->n_refs, 1) > 1)
		return;
	map_fini(&users->by_name);
	mem_free(users->all);
	arena_fini(&users->arena);
	mem_free(users);
}

/* --- asking --- */

int
users_n(const struct users *users)
{
	return users->n;
}

int
users_n_scram(const struct users *users)
{
	return users->n_scram;
}

const struct verifier *
users_find(const struct users *users, struct str login, bool *is_known_out)
{
	const struct listed_user *user = map_get(&users->by_name, login);

	*is_known_out = user != NULL;
	if (user == NULL && users->n > 0)
		user = users->all[siphash(users->seed, login) % (uint64_t)users->n];
	return user != NULL ? &user->verifier : NULL;
}

/*
 * A salt that only who has the file can tell from a real one.  As long as the pattern's, which is no more than one
 * hash has here: a longer salt's end repeats nothing, it is hashed anew.
 */
static void
make_up(const struct scram_keys *pattern, struct str login, struct scram_keys *keys_out)
{
	uint8_t hash[2][SCRAM_KEY_BYTES], secret[SCRAM_KEY_BYTES + 1];

	memcpy(secret, pattern->server_key, SCRAM_KEY_BYTES);
	for (uint8_t i = 0; i < 2; i++) {
		secret[SCRAM_KEY_BYTES] = i;
		insist(HMAC(EVP_sha256(), secret, sizeof(secret), (const unsigned char *)login.at, login.len, hash[i], NULL) != NULL);
	}
	explicit_bzero(secret, sizeof(secret));
	*keys_out = (struct scram_keys){ .iterations = pattern->iterations, .n_salt_bytes = pattern->n_salt_bytes };
	memcpy(keys_out->salt, hash, pattern->n_salt_bytes);
	os_random(keys_out->stored_key, sizeof(keys_out->stored_key));
	os_random(keys_out->server_key, sizeof(keys_out->server_key));
}

bool
users_find_scram(const struct users *users, struct str login, struct scram_keys *keys_out)
{
	const struct listed_user *user = map_get(&users->by_name, login);

	if (users->pattern == NULL)
		return false;
	make_up(users->pattern, login, keys_out);	/* for everybody: it takes time too */
	if (user != NULL && user->verifier.kind == VERIFIER_SCRAM)
		*keys_out = user->verifier.scram;
	return true;
}
