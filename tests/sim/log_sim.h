/*
 * log_sim.h - a struct log that keeps its lines, for tests to look into
 */
#ifndef SIM_LOG_SIM_H
#define SIM_LOG_SIM_H

#include "base/buf.h"
#include "base/log.h"

struct log_sim {
	struct log	 log;		/* hand out &log_sim.log */
	struct buf	 lines;		/* each with a newline; the first 16 MB */
	bool		 is_shown;	/* on stdout too: SIM_LOG=1 */
};

void	log_sim_init(struct log_sim *l, enum log_level level);
void	log_sim_fini(struct log_sim *l);
/* Lines that start with `event` and have `part` in them somewhere (empty: any). */
int	log_sim_n(const struct log_sim *l, const char *event, const char *part);
bool	log_sim_has(const struct log_sim *l, const char *event, const char *part);

#endif
