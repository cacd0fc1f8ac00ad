/*
 * test_dkim_sign.c - the signature fields we write: their text, what is in h=, what is not signed
 *
 * Whether others find them right is asked in test_dkim_judges.c.
 */
#include <stdio.h>

#include "base/insist.h"
#include "policy/dkim/dkim_sign.h"
#include "tests/expect.h"
#include "tests/policy/dkim_vectors.h"

enum {
	ROOM_MAX_BYTES = 1024 * 1024,
	NOW_S = 1528637909,		/* RFC 8463's t= */
};

struct scene {
	struct dkim_key	*rsa, *ed25519;
	struct arena	 arena;
	struct buf	 fields;
};

/* The fields for a mail, its body in one piece; NULL and the fault if it is not signed. */
static const char *
sign(struct scene *s, const struct dkim_signer_settings *settings, const char *header, const char *body, struct fault *fault)
{
	struct dkim_signer *signer = dkim_signer_new(settings, fault);
	struct header_section section;
	struct dkim_signing *signing;

	buf_clear(&s->fields);
	if (signer == NULL)
		return NULL;
	insist(header_read(str_of(header), &s->arena, &section) == 0);
	signing = dkim_signing_new(signer, &section, (struct timestamp){ NOW_S * INT64_C(1000000) + 999999 }, fault);
	if (signing != NULL) {
		dkim_signing_body(signing, str_of(body));
		dkim_signing_ready(signing);
		expect_int(dkim_signing_sign(signing, fault), 0);
		expect_int(dkim_signing_fields(signing, &s->fields), 0);
		insist(buf_append_char(&s->fields, '\0') == 0);
	}
	dkim_signing_free(signing);
	dkim_signer_free(signer);
	return signing != NULL ? s->fields.at : NULL;
}

static struct dkim_signer_settings
usual(const struct scene *s)
{
	return (struct dkim_signer_settings){
		.domain = "football.example.com", .selectors = { { "brisbane", s->ed25519 } }, .n_selectors = 1,
	};
}

/* The value of a tag in a field, folding dropped; "" if it is not there. */
static struct str
tag(struct scene *s, const char *field, const char *name)
{
	char *flat = arena_alloc(&s->arena, strlen(field) + 2);
	struct str rest, part;
	size_t n = 0;

	for (const char *c = strchr(field, ':') + 1; *c != '\0'; c++)
		if (strchr(" \t\r\n", *c) == NULL)
			flat[n++] = *c;
	rest = str_n(flat, n);
	while (str_take_until(&rest, ';', &part))
		if (str_starts(part, str_of(name)) && part.at[strlen(name)] == '=')
			return str_from(part, strlen(name) + 1);
	return STR_EMPTY;
}

static void
expect_lines(const char *fields)
{
	struct str rest = str_of(fields), line;

	while (str_take_until(&rest, '\n', &line))
		expect(line.len - 1 <= DKIM_FIELD_LINE_MAX_BYTES && line.at[line.len - 1] == '\r');
	expect(str_ends_nocase(str_of(fields), STR("\r\n")));
}

static void
test_text(struct scene *s)
{
	struct dkim_signer_settings settings = usual(s);
	struct dkim_signed_field fields[] = { { "to", DKIM_SIGN_PRESENT }, { "X-None", DKIM_SIGN_PRESENT }, { "Subject", DKIM_OVERSIGN_PRESENT } };
	const char *text;

	test_case("a field has its tags in order and is folded");
	settings.fields = fields;
	settings.n_fields = 3;
	settings.lifetime = span_s(86400);
	text = sign(s, &settings, RFC8463_HEADER, RFC8463_BODY, NULL);
	expect_str(str_sub(str_of(text), 0, (size_t)(strstr(text, "\tb=") - text)), STR("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
	    "\td=football.example.com; s=brisbane; t=1528637909; x=1528724309; h=From:\r\n"
	    "\tFrom:to:Subject:Subject; bh=" RFC8463_BODY_HASH ";\r\n"));
	expect_lines(text);
	expect_str(tag(s, text, "h"), STR("From:From:to:Subject:Subject"));
	expect_str(tag(s, text, "bh"), STR(RFC8463_BODY_HASH));
	expect_int((int64_t)tag(s, text, "b").len, 88);

	test_case("two keys make two fields, the first setting's on top; time and identity as set");
	settings = usual(s);
	settings.selectors[0] = (struct dkim_selector){ "test", s->rsa };
	settings.selectors[1] = (struct dkim_selector){ "brisbane", s->ed25519 };
	settings.n_selectors = 2;
	settings.without_time = true;
	settings.is_simple_header = settings.is_simple_body = true;
	settings.identity = "ab=c@mail.football.example.com";
	text = sign(s, &settings, RFC8463_HEADER, RFC8463_BODY, NULL);
	expect_lines(text);
	expect_str(tag(s, text, "a"), STR("rsa-sha256"));
	expect_str(tag(s, text, "s"), STR("test"));
	expect_str(tag(s, text, "t"), STR(""));
	expect_str(tag(s, text, "x"), STR(""));
	expect_str(tag(s, text, "c"), STR("simple/simple"));
	expect_str(tag(s, text, "i"), STR("ab=3Dc@mail.football.example.com"));
	expect(tag(s, text, "b").len > 172);	/* the next field stands behind it */
	text = strstr(text, "\r\nDKIM-Signature:") + 2;
	expect_str(tag(s, text, "a"), STR("ed25519-sha256"));
	expect_str(tag(s, text, "s"), STR("brisbane"));
}

static void
test_default_names(struct scene *s)
{
	struct dkim_signer_settings settings = usual(s);
	const char *text;

	test_case("by default what there is is signed, and what must not be added is named once more");
	text = sign(s, &settings, "Received: x\r\nto: a@example.net\r\nX-Mine: 1\r\nFROM: joe@football.example.com\r\nTo: b@example.net\r\n"
	    "Content-Type: text/plain\r\nReferences: <1@x>\r\nList-Id: <x>\r\n\r\n", "", NULL);
	expect_lines(text);
	expect_str(tag(s, text, "h"), STR("From:From:Reply-To:Subject:To:To:To:Cc:References:Content-Type:Content-Type:List-Id"));
	expect_str(tag(s, text, "bh"), STR("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="));	/* RFC 6376 3.4.4: of an empty body */
	settings.is_simple_body = true;
	text = sign(s, &settings, "From: joe@football.example.com\r\n\r\n", "\r\n\r\n", NULL);
	expect_str(tag(s, text, "bh"), STR("frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="));	/* 3.4.3 */
}

static void
test_not_signed(struct scene *s)
{
	struct dkim_signer_settings settings = usual(s);
	struct fault fault = { .text = "" };
	struct buf header;

	test_case("a mail without From, or with two, is not signed");
	expect(sign(s, &settings, "To: a@example.net\r\n\r\n", "", &fault) == NULL);
	expect_text(fault.text, "the mail has no From");
	expect(sign(s, &settings, "From: a@example.net\r\nfrom: b@example.net\r\n\r\n", "", &fault) == NULL);
	expect_text(fault.text, "the mail has several From fields");
	test_case("nor is one with too many fields to sign");
	buf_init(&header, ROOM_MAX_BYTES);
	buf_append(&header, STR("From: a@example.net\r\n"));
	for (int i = 0; i < 200; i++)
		buf_append(&header, STR("To: a@example.net\r\n"));
	buf_append(&header, str_n("\r\n", 3));
	expect(sign(s, &settings, header.at, "", &fault) == NULL);
	expect_text(fault.text, "the mail has too many fields to sign");
	expect_int(fault.kind, FAULT_PERMANENT);
	buf_fini(&header);
}

static void
expect_wrong(const struct dkim_signer_settings *settings, const char *why)
{
	struct fault fault = { .text = "" };

	expect(dkim_signer_new(settings, &fault) == NULL);
	expect_text(fault.text, why);
}

static void
test_wrong_settings(struct scene *s)
{
	static const char long_label[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static const char *const wrong_identities[] = { "", "joe", "joe@", "@", "a b@football.example.com", "@foot ball.example.com" };
	static const char *const foreign_identities[] = { "@example.com", "joe@xfootball.example.com", "@football.example.com.example.net" };
	struct dkim_signer_settings settings;
	struct dkim_signed_field field = { "X", DKIM_SIGN_PRESENT }, twice[] = { { "To", 0 }, { "to", 0 } };
	const char *names[] = { "", "a b", "a:", "a;b", "\xc3\xa4", "a\r\nb" };

	test_case("a domain, a selector or an identity that cannot be is refused");
	settings = usual(s), settings.domain = "exa mple.com";
	expect_wrong(&settings, "the signing domain is no domain");
	settings = usual(s), settings.domain = "";
	expect_wrong(&settings, "the signing domain is no domain");
	settings = usual(s), settings.selectors[0].name = "a;b";
	expect_wrong(&settings, "a selector is no name below the domain, or too long");
	settings = usual(s), settings.selectors[0].name = long_label;
	expect_wrong(&settings, "a selector is no name below the domain, or too long");
	settings = usual(s), settings.n_selectors = 0;
	expect_wrong(&settings, "one or 2 selectors, each with a key, are needed");
	settings = usual(s), settings.n_selectors = 2, settings.selectors[1] = settings.selectors[0];
	expect_wrong(&settings, "a selector is given twice");
	for (size_t i = 0; i < sizeof(wrong_identities) / sizeof(wrong_identities[0]); i++) {
		settings = usual(s), settings.identity = wrong_identities[i];
		expect_wrong(&settings, "the identity is neither \"@domain\" nor an address");
	}
	for (size_t i = 0; i < sizeof(foreign_identities) / sizeof(foreign_identities[0]); i++) {
		settings = usual(s), settings.identity = foreign_identities[i];
		expect_wrong(&settings, "the identity is outside of the signing domain");
	}
	settings = usual(s), settings.lifetime = span_s(-1);
	expect_wrong(&settings, "a signature cannot expire before it is made");
	test_case("a field that cannot be, changes on the way or is there twice is refused");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		field.name = names[i];
		settings = usual(s), settings.fields = &field, settings.n_fields = 1;
		expect_wrong(&settings, "a field to be signed is no field's name");
	}
	field.name = "received";
	expect_wrong(&settings, "received must not be signed: it changes on the way");
	settings.fields = twice, settings.n_fields = 2;
	expect_wrong(&settings, "the field to is to be signed twice");
}

/* The longest that settings and bounds allow fits what is said of a field's length, and what verifiers read. */
static void
test_longest(struct scene *s)
{
	struct dkim_signer_settings settings = usual(s);
	struct dkim_key *key = dkim_key_make(DKIM_RSA_SHA256, 2048, NULL);
	char names[DKIM_SIGNED_NAMES_MAX][DKIM_NAME_MAX_BYTES + 1], domain[200], identity[300];
	struct dkim_signed_field fields[DKIM_SIGNED_NAMES_MAX];
	struct fault fault = { .text = "" };
	const char *text;
	struct buf header;

	test_case("the longest names fit");
	buf_init(&header, ROOM_MAX_BYTES);
	buf_append(&header, STR("From: a@example.net\r\n"));
	for (int i = 0; i < DKIM_SIGNED_NAMES_MAX; i++) {
		memset(names[i], 'x', DKIM_NAME_MAX_BYTES);
		snprintf(names[i] + DKIM_NAME_MAX_BYTES - 2, 3, "%02d", i);
		fields[i] = (struct dkim_signed_field){ names[i], DKIM_SIGN_PRESENT };
		if (i < 49)
			buf_printf(&header, "%s: 1\r\n", names[i]);
	}
	buf_append(&header, str_n("\r\n", 3));
	for (size_t i = 0; i < sizeof(domain); i++)
		domain[i] = i % 60 == 59 ? '.' : 'd';
	domain[sizeof(domain) - 1] = '\0';
	snprintf(identity, sizeof(identity), "==================@%s", domain);
	settings.domain = domain;
	settings.identity = identity;
	settings.selectors[0] = (struct dkim_selector){ "s", key };
	settings.fields = fields;
	settings.n_fields = DKIM_SIGNED_NAMES_MAX;
	text = sign(s, &settings, header.at, "", NULL);
	if (expect(text != NULL)) {
		expect(strlen(text) <= DKIM_FIELD_MAX_BYTES && strlen(text) > 4000);
		expect(tag(s, text, "h").len <= DKIM_SIGNED_FIELDS_MAX_BYTES && tag(s, text, "h").len > 3400);
		expect_int((int64_t)tag(s, text, "i").len, DKIM_IDENTITY_MAX_BYTES);
	}
	test_case("longer ones are refused: an identity, all names of a mail");
	snprintf(identity, sizeof(identity), "===================@%s", domain);
	expect_wrong(&settings, "the identity is too long");
	settings.identity = NULL;
	header.len -= 3;
	buf_printf(&header, "%s: 1\r\n\r\n", names[60]);
	buf_append_char(&header, '\0');
	expect(sign(s, &settings, header.at, "", &fault) == NULL);
	expect_text(fault.text, "the mail has too many fields to sign");
	buf_fini(&header);
	dkim_key_free(key);
}

int
main(void)
{
	struct scene s = { .rsa = dkim_key_new(STR(RFC8463_RSA_PEM), NULL), .ed25519 = dkim_key_new(STR(RFC8463_ED25519_PEM), NULL) };

	arena_init(&s.arena, ROOM_MAX_BYTES);
	buf_init(&s.fields, ROOM_MAX_BYTES);
	test_text(&s);
	test_default_names(&s);
	test_not_signed(&s);
	test_wrong_settings(&s);
	test_longest(&s);
	arena_fini(&s.arena);
	buf_fini(&s.fields);
	dkim_key_free(s.rsa);
	dkim_key_free(s.ed25519);
	return test_end();
}
