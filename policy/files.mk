# policy/files.mk - judgement: no fibers, threads, sockets, queue or clock
noinst_LIBRARIES += policy/libpolicy.a
policy_libpolicy_a_SOURCES = \
	%D%/arc_field.c %D%/arc_field.h %D%/arc_seal.c %D%/arc_seal.h %D%/arc_sealer.c %D%/arc_sealer.h \
	%D%/arc_set.c %D%/arc_set.h %D%/arc_verify.c %D%/arc_verify.h \
	%D%/dkim_check.c %D%/dkim_check.h \
	%D%/dkim_canon.c %D%/dkim_canon.h %D%/dkim_key.c %D%/dkim_key.h %D%/dkim_key_record.c %D%/dkim_key_record.h \
	%D%/dkim_sign.c %D%/dkim_sign.h %D%/dkim_sign_inside.h %D%/dkim_signature.c %D%/dkim_signature.h %D%/dkim_signer.c \
	%D%/dmarc.c %D%/dmarc.h %D%/dmarc_record.c %D%/dmarc_record.h %D%/dmarc_walk.c %D%/dmarc_walk.h \
	%D%/dkim_choose.c %D%/dkim_choose.h %D%/dkim_body.c %D%/dkim_body.h %D%/dkim_field.c %D%/dkim_field.h %D%/dkim_public.c %D%/dkim_public.h \
	%D%/dkim_keys.c %D%/dkim_keys.h %D%/dkim_lookup.c %D%/dkim_lookup.h %D%/dkim_library.c %D%/dkim_library.h %D%/dkim_result.h \
	%D%/dkim_tags.c %D%/dkim_tags.h %D%/dkim_verify.c %D%/dkim_verify.h \
	%D%/class_actions.c %D%/class_actions.h %D%/class_bounds.c %D%/class_bounds.h %D%/class_edits.c %D%/class_edits.h %D%/class_rate.c %D%/class_rate.h %D%/class_rates.c %D%/class_rates.h %D%/class_rules.c %D%/class_rules.h %D%/classify.c %D%/classify.h %D%/glob.c %D%/glob.h %D%/pattern.c %D%/pattern.h %D%/rate.c %D%/rate.h \
	%D%/decide.c %D%/decide.h %D%/decide_srs.c %D%/decide_srs.h %D%/field_changes.c %D%/field_changes.h %D%/findings.h %D%/inspect.c %D%/inspect.h %D%/policy.c %D%/policy.h \
	%D%/iprev.c %D%/iprev.h %D%/judged.c %D%/judged.h %D%/spf.c %D%/spf.h %D%/spf_fence.c %D%/spf_fence.h \
	%D%/sign_rules.c %D%/sign_rules.h \
	%D%/spf_inquiry.c %D%/spf_inquiry.h %D%/spf_macro.c %D%/spf_macro.h %D%/spf_record.c %D%/spf_record.h \
	%D%/spf_terms.c %D%/spf_terms.h \
	%D%/seal.c %D%/seal.h %D%/sender.c %D%/sender.h %D%/srs.c %D%/srs.h %D%/srs_inside.h %D%/srs_rules.c %D%/settings.c %D%/settings.h %D%/stamp.c %D%/stamp.h %D%/survive.c %D%/survive.h %D%/transports.c %D%/transports.h %D%/verdict.h
