/*
 * known_table.h - the entries behind knowledge.h, by relay and address; not for anyone outside of the folder
 *
 * Not base/map: an entry that is pushed out must know its key, and two copies of it would double the memory.
 */
#ifndef RECIPIENTS_KNOWN_TABLE_H
#define RECIPIENTS_KNOWN_TABLE_H

#include "base/list.h"
#include "smtpfwd/recipients/known_record.h"

enum { KNOWN_KINDS = 2 };		/* good and bad */

struct known_relay {
	struct list		 lists[KNOWN_KINDS];	/* of entries, told longest ago first */
	int64_t			 n_gone[KNOWN_KINDS];	/* for want of room */
	struct timestamp	 own_accepted;	/* a question of our own was; 0: never */
	char			 own_key[ADDRESS_MAX_BYTES];	/* for this one */
	size_t			 own_key_len;
	size_t			 name_len;
	char			 name[];
};

struct known_entry {
	struct known_entry	*next;		/* of the same slot */
	struct list_link	 link;		/* of its relay's list */
	struct known_relay	*relay;
	struct timestamp	 told;
	uint32_t		 hash;
	uint16_t		 key_len;
	uint8_t			 known;		/* enum known */
	char			 key[];		/* local@domain */
};

struct known_table {
	struct known_entry	**slots;	/* owned */
	size_t			  n_slots;	/* a power of two, or 0 */
	size_t			  n;
	int64_t			  record_bytes;	/* of all entries, in a file */
	uint64_t		  seed[2];
};

static inline struct str
known_relay_name(const struct known_relay *relay)
{
	return (struct str){ .at = relay->name, .len = relay->name_len };
}

/* As a record, which points into it. */
struct known_record	 known_entry_record(const struct known_entry *entry);

void			 known_table_fini(struct known_table *table);
struct known_entry	*known_table_find(const struct known_table *table, const struct known_relay *relay, struct str key);
/* The key is not there yet; the entry is in no list. */
struct known_entry	*known_table_add(struct known_table *table, struct known_relay *relay, struct str key);
void			 known_table_remove(struct known_table *table, struct known_entry *entry);	/* from its list too; freed */

#endif
