/*
 * config.h - the configuration file turned into what each part of the daemon wants
 *
 * Checks what the tables of policy/settings cannot: that an address parses, that a name
 * leads somewhere, that no domain belongs to two relays.  Opens no file but the
 * configuration; what only the daemon's user can tell is main's to try.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <time.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/place.h"
#include "policy/policy.h"
#include "smtpfwd/deliver/route.h"
#include "smtpfwd/queue/queue.h"
#include "smtpfwd/receive/listener.h"
#include "smtpfwd/runtime/resolver.h"
#include "smtpfwd/runtime/tls.h"

#define CONFIG_RESOLV_CONF	"/etc/resolv.conf"
#define CONFIG_HOSTS		"/etc/hosts"

struct file_stamp {			/* what tells that a file was changed */
	bool		 is_there;
	uint64_t	 device, inode;
	int64_t		 n_bytes;
	struct timespec	 changed;
};

struct config_file {			/* that the configuration names and whoever reads it reads too */
	const struct conf_section	*section;
	const char			*setting, *path;
	struct file_stamp		 stamp;		/* when it was read; see config_files.h */
};

struct sign_section {			/* what a sign section says; its keys are read by sign_keys.h */
	const struct conf_section	*section;
	struct dkim_signer_settings	 settings;	/* but for the keys */
	const char			*key_paths[DKIM_SELECTORS_MAX];
	bool				 with_subdomains;
	bool				 is_by_name;	/* its title is no domain but a name, for classes */
};

struct arc_section {			/* what the arc section says; its key is read by sign_keys.h */
	const struct conf_section	*section;
	struct arc_sealer_settings	 settings;	/* but for the key */
	const char			*key_path;	/* NULL: there is no such section */
};

struct srs_section {			/* what the srs section says; its secrets are read by srs_file.h */
	const struct conf_section	*section;
	struct srs_settings		 settings;	/* but for the secrets */
	const char			*secret_file;	/* NULL: there is no such section */
};

struct milter_server {			/* beside the milter's own socket */
	const char		*written;	/* NULL: there is none */
	struct place		 place;		/* its path ends in NUL */
};

struct milter_section {			/* what the milter section says */
	const char		*socket;	/* as smfi_setconn takes it */
	struct place		 place;		/* the same; its path ends in NUL */
	const char		*unix_path;	/* of it; NULL: it is none of a file's */
	struct milter_server	 socketmap, policy_service;
	const char		*group;		/* of all unix sockets; NULL: the user's */
	const char		*control;
	const struct network	*networks;
	int			 n_networks;
	const char *const	*client_names;	/* canonical */
	int			 n_client_names;
	const char *const	*after_filter, *const *local_transports;
	int			 n_after_filter, n_local_transports;
	bool			 accepts_on_failure;
	int			 sessions_max, hops_max;
	int64_t			 memory_max_bytes;
};

struct config {
	struct conf			*conf;		/* owned; errors are in it */
	struct arena			 arena;		/* of all below */

	const char			*hostname, *spool, *control, *user;
	bool				 is_user_given;
	struct span			 stop_within;
	const char			*trace_directory;
	const char			*recipients_file;	/* what is known of mailboxes */
	struct knowledge_bounds		 knowledge;
	struct span			 trace_keep;	/* 0: no traces */
	int64_t				 trace_max_bytes;
	const char			*users;		/* NULL: no one can log in */
	const char			*log_to;
	enum log_level			 log_level;
	struct policy_settings		 policy;	/* but for the verifier, what signs, and the rules of SRS */
	struct sign_section		*signs;
	int				 n_signs;
	struct arc_section		 arc;
	struct srs_section		 srs;
	struct queue_settings		 queue;
	struct resolver_settings	 resolver;
	struct tls_certificate		*certificates;
	int				 n_certificates;
	struct listener_settings	*listeners;
	int				 n_listeners;
	bool				 is_listener_default;	/* no listen section: 0.0.0.0:25 and [::]:25 */
	struct route_settings		*routes;	/* of relay sections, then of route sections */
	int				 n_routes;
	struct milter_section		 milter;
	struct config_file		*files;
	int				 n_files;
	struct file_stamp		 resolv_conf, hosts;
};

/* Never NULL.  It may be used only if conf_n_errors(config->conf) is 0.  Blocks. */
struct config	*config_load(const char *path);
void		 config_free(struct config *config);

/* For the files here: memory that lives as long as the config; a configuration that passes the limit aborts. */
void		*config_alloc(struct config *config, size_t n, size_t item_bytes);
const char	*config_copy(struct config *config, struct str text);

/* The setting's value, or NULL if it is none or no absolute path (an error): we may stand in "/" when it is opened. */
const char	*config_path(struct config *config, const struct conf_section *section, const char *setting);

/* A domain in the one form that look-ups use, a leading dot (what is below it) kept; NULL: it is none. */
const char	*config_domain(struct config *config, const char *written);

/* The networks of a list; those that are none are errors. */
const struct network *config_networks(struct config *config, const struct conf_section *section, const char *setting, int *n_out);

/* The list client-names: domains in their one form, or with a leading dot what is below them. */
const char *const *config_client_names(struct config *config, const struct conf_section *section, int *n_out);

/*
 * Of a field that the configuration names and we write: whether one of that name says something to others already, so that ours, or
 * its loss, would do more than was meant.
 */
bool		 config_field_has_meaning(struct str name);

/* The route section of a name, and the one that needs no section; NULL: there is none.  Behind config_read_routes. */
const struct route_settings *config_find_route(struct config *config, const char *name);
bool		 config_route_is_by_domain(const struct route_settings *route);	/* each recipient domain is a destination of its own */

/* Names of struct knowledge: each relay, or each of its next hops where it goes by the recipient.  Owned by the caller. */
const char	**config_recipients_names(const struct config *config, int *n_out);

/* True when not both can be bound: equal, or of one port and family and one is all addresses of it. */
bool		 config_addresses_overlap(const struct endpoint *a, const struct endpoint *b);

/* True if a listener has this very address. */
bool		 config_has_address(const struct config *config, const struct endpoint *address);

/* Behind the listeners, routes, signs and the class-header. */
void		 config_read_class_actions(struct config *config, const struct conf_section *section, struct class_actions *actions);

void		 config_read_listeners(struct config *config);
void		 config_read_routes(struct config *config);	/* relays, routes, outbound */
void		 config_read_transports(struct config *config);	/* behind the routes */
void		 config_read_recipients(struct config *config);
void		 config_read_verify(struct config *config);
void		 config_read_signs(struct config *config);
void		 config_read_arc(struct config *config);	/* behind verify, which seals need */
void		 config_read_srs(struct config *config);
void		 config_read_rates(struct config *config, const struct conf_section *section, struct class_section *class);	/* behind the classes before it */
void		 config_read_classes(struct config *config);	/* behind the listeners, routes and signs */
void		 config_check_own_fields(struct config *config);	/* behind signs, arc and classes: what they sign that we put on top */
void		 config_read_milter(struct config *config);

#endif
