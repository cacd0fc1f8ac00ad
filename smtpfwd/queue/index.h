/*
 * index.h - what memory holds of each queued mail, found by its id
 *
 * Small, for a million of them: everything else is read back from the log when it is needed.
 * The table grows by one bucket at a time (linear hashing), so no mail waits while it grows.
 */
#ifndef QUEUE_INDEX_H
#define QUEUE_INDEX_H

#include "base/heap.h"
#include "base/list.h"
#include "smtpfwd/queue/segment.h"

struct stored;
struct recovering;
struct debt;
struct slot;

struct entry {
	struct mail_id	 id;
	uint32_t	 n_refs;		/* the index holds one while the mail lives */
	struct entry	*next_in_bucket;
	struct list_link by_age;		/* all mails, oldest first */
	struct heap_item clock;			/* when its age is to be looked at */
	struct place	 mail;			/* its MAIL record */
	struct place	 state;			/* its latest STATE; nowhere if that stands in the MAIL */
	struct instant	 arrived;		/* on this process's monotonic clock, maybe below 0 */
	int64_t		 content_bytes;		/* prefix and content */
	struct slot	*slots;			/* what is waiting or out: one per destination */
	union {
		struct stored	  *stored;	/* while it is open */
		struct recovering *recovering;	/* before the loop serves */
	};
	struct debt	*debts;			/* reports owed */
	uint32_t	 n_out;			/* slots in delivery */
	bool		 is_held : 1;
	bool		 is_warned : 1;
	bool		 is_removed : 1;	/* to go when nothing of it is out */
	bool		 is_gone : 1;		/* its tombstone is on the way, or it was set aside */
	bool		 is_set_aside : 1;	/* its record could not be read */
	bool		 is_large : 1;
	bool		 is_in_index : 1;
	bool		 is_unverified : 1;	/* its sender, as its facts say */
	bool		 is_withheld : 1;	/* something failed, and no report goes to an unverified sender */
	bool		 came_held : 1;		/* as its facts say */
	bool		 is_bounced : 1;	/* the operator wants one sent */
	uint8_t		 epoch;			/* of the routes its slots were made by */
};

struct index {
	struct entry   ***pages;		/* buckets, in pages of a fixed size that never move */
	size_t		  n_pages;
	size_t		  n_buckets;
	size_t		  level_mask;		/* buckets below the split have one bit more */
	size_t		  n;
	struct list	  by_age;
};

void		 index_init(struct index *index);
void		 index_fini(struct index *index);		/* entries are not freed */
struct entry	*index_find(const struct index *index, const struct mail_id *id);
void		 index_add(struct index *index, struct entry *entry);	/* behind all others by age */
void		 index_remove(struct index *index, struct entry *entry);

#endif
