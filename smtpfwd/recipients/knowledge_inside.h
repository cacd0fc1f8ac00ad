/*
 * knowledge_inside.h - the struct behind knowledge.h; not for anyone outside of the folder
 *
 * knowledge.c asks and tells of one recipient, knowledge_whole.c goes over all of them.
 */
#ifndef RECIPIENTS_KNOWLEDGE_INSIDE_H
#define RECIPIENTS_KNOWLEDGE_INSIDE_H

#include "base/map.h"
#include "smtpfwd/recipients/knowledge.h"
#include "smtpfwd/recipients/known_table.h"

struct knowledge {
	struct knowledge_bounds	 bounds;
	struct map		 relays;	/* by name: struct known_relay, owned */
	struct known_table	 table;
	struct timestamp	 latest;	/* the last now */
	struct buf		 changes;	/* records */
	bool			 is_overrun;	/* they do not say all */
};

static inline struct known_relay *
knowledge_relay(const struct knowledge *knowledge, struct str name)
{
	return (struct known_relay *)map_get(&knowledge->relays, name);
}

static inline struct known_entry *
known_entry_of(struct list_link *link)
{
	return LIST_ITEM(link, struct known_entry, link);
}

/* Told so long ago that it does not count. */
bool	knowledge_is_old(const struct knowledge *knowledge, enum known known, struct timestamp told, struct timestamp now);

/* The clock was looked at: entries from its future are brought back. */
void	knowledge_see_time(struct knowledge *knowledge, struct timestamp now);

/* As knowledge_set.  is_loading: it is from the file, so no change; and what is too old takes away what was known. */
bool	knowledge_enter(struct knowledge *knowledge, const struct known_record *record, const struct address *address,
	    struct timestamp now, bool is_loading);

/* Drops all entries of a relay; how many there were. */
int64_t	knowledge_empty_relay(struct knowledge *knowledge, struct known_relay *relay);

#endif
