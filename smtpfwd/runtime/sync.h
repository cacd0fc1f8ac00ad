/*
 * sync.h - fibers of one loop waiting for each other
 */
#ifndef RUNTIME_SYNC_H
#define RUNTIME_SYNC_H

#include "base/list.h"
#include "smtpfwd/runtime/fiber.h"

/* Something may have changed: wait in a loop that looks again. */
struct signal_list { struct list waiting; };

void		signal_init(struct signal_list *s);
enum wake	signal_wait(struct signal_list *s, struct instant deadline);	/* suspends */
void		signal_one(struct signal_list *s);	/* the one that waits longest */
void		signal_all(struct signal_list *s);

#endif
