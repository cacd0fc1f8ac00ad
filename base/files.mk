# base/files.mk - the floor: no mail words, no fibers, no sockets, no clock
noinst_LIBRARIES += base/libbase.a
base_libbase_a_SOURCES = \
	%D%/arena.c %D%/arena.h %D%/buf.c %D%/buf.h %D%/code.c %D%/code.h %D%/crc32c.c \
	%D%/conf.c %D%/conf.h %D%/conf_get.c %D%/conf_parts.h %D%/conf_text.c %D%/conf_value.c \
	%D%/conf_words.c %D%/conf_words.h %D%/decimal.c %D%/decimal.h \
	%D%/dns.c %D%/dns.h %D%/dns_wire.c %D%/dns_wire.h %D%/elsewhere.h %D%/endpoint.c %D%/endpoint.h %D%/place.c %D%/place.h %D%/fault.c %D%/fault.h \
	%D%/format.c %D%/format.h \
	%D%/heap.c %D%/heap.h %D%/insist.c %D%/insist.h %D%/instant.h %D%/list.h \
	%D%/log.c %D%/log.h %D%/map.c %D%/map.h %D%/mem.c %D%/mem.h %D%/octets.h %D%/quantity.c %D%/quantity.h \
	%D%/siphash.c %D%/str.c %D%/str.h
