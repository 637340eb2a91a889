// Sign-in, attach, choice of a tenant: the only C++ code that touches tenancy.session. The row is found by direct
// index access, with no rights of the caller needed and none lent; it is written as the table's owner.
#include "core/password.hpp"
#include "core/token.hpp"

#include "session.hpp"

#include "audit.hpp"
#include "context.hpp"
#include "directory.hpp"
#include "guard.hpp"
#include "identity_switch.hpp"
#include "issuer.hpp"
#include "password_renewal.hpp"
#include "relation_of_ours.hpp"
#include "settings.hpp"
#include "standing_cache.hpp"
#include "suspension.hpp"
#include "throttle.hpp"

extern "C" {
#include "utils/fmgrprotos.h"
}

namespace tenancy {

namespace {

constexpr int longest_user_name = 1024;
constexpr int longest_client = 4096;
constexpr int longest_tenant = 255;
constexpr int64 touch_interval_us = 60 * USECS_PER_SEC;

// Columns of tenancy.session, as sql/40_session.sql has them.
enum Column : AttrNumber {
    column_id = 1,
    column_token_hash,
    column_user_id,
    column_tenant_id,
    column_created_at,
    column_last_used_at,
    column_expires_at,
    column_revoked_at,
    column_client,
    column_password_fingerprint,
    column_purpose
};

// SHA-256 of a stored password hash, as a bytea.
struct Fingerprint {
    alignas(int32) char header[VARHDRSZ];
    std::uint8_t bytes[sizeof(core::token::Digest)];
};

struct Session {
    bool found;
    bool revoked;
    pg_uuid_t id;
    char *user_id;
    char *tenant_id; // null: none chosen
    TimestampTz last_used_at;
    TimestampTz expires_at;
    bool has_fingerprint; // of the password that it was opened with
    std::uint8_t fingerprint[sizeof(core::token::Digest)];
    char *purpose; // of a job's session; null: a person's
};

Datum digest_datum(Fingerprint *room, std::string_view characters)
{
    const core::token::Digest digest = core::token::digest(characters);
    memcpy(room->bytes, digest.data(), sizeof room->bytes);
    SET_VARSIZE(room, sizeof *room);
    return PointerGetDatum(room);
}

// By token digest or by id, under the latest snapshot: a session revoked a moment ago is revoked, also for a
// transaction whose own snapshot is older.
// What was said of the client is handed over where somebody asks for it.
Session find_session(const char *index, Column column, RegProcedure equals, Datum key, Jsonb **client = nullptr)
{
    Session session{};
    Relation relation = table_open(relation_of_ours("session"), AccessShareLock);
    TupleDesc shape = RelationGetDescr(relation);
    ScanKeyData condition;
    ScanKeyInit(&condition, column, BTEqualStrategyNumber, equals, key);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(relation, relation_of_ours(index), true, snapshot, 1, &condition);
    HeapTuple tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple)) {
        // All at once: to reach one column the server walks over those before it.
        auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<Size>(shape->natts)));
        auto *nulls = static_cast<bool *>(palloc(sizeof(bool) * static_cast<Size>(shape->natts)));
        heap_deform_tuple(tuple, shape, values, nulls);
        const auto value = [&](Column wanted) { return values[wanted - 1]; };
        const auto is_null = [&](Column wanted) { return nulls[wanted - 1]; };
        const auto text_of = [&](Column wanted) { return is_null(wanted) ? nullptr : TextDatumGetCString(value(wanted)); };
        session.found = true;
        session.id = *DatumGetUUIDP(value(column_id));
        session.user_id = text_of(column_user_id);
        session.tenant_id = text_of(column_tenant_id);
        session.last_used_at = DatumGetTimestampTz(value(column_last_used_at));
        session.expires_at = DatumGetTimestampTz(value(column_expires_at));
        session.revoked = !is_null(column_revoked_at);
        session.has_fingerprint = !is_null(column_password_fingerprint);
        if (session.has_fingerprint)
            memcpy(session.fingerprint, VARDATA_ANY(DatumGetByteaPP(value(column_password_fingerprint))), sizeof session.fingerprint);
        if (client != nullptr)
            *client = DatumGetJsonbPCopy(value(column_client));
        session.purpose = text_of(column_purpose);
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
    return session;
}

[[noreturn]] void refuse_session(const char *why)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION), errmsg("session is not valid"),
                    why != nullptr ? errdetail("%s", why) : 0, errhint("Sign in again.")));
    pg_unreachable();
}

// The live session of a token, or 28000. Only who holds the token learns why it is refused.
Session require_session(const text *token)
{
    // An overlong text is no token: do not digest a megabyte to say so.
    const std::string_view characters(VARDATA_ANY(token), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(token)));
    if (!core::token::well_formed(characters))
        refuse_session(nullptr);

    Fingerprint key;
    const Session session =
        find_session("session_token_hash_key", column_token_hash, F_BYTEAEQ, digest_datum(&key, characters));
    if (!session.found)
        refuse_session(nullptr);
    if (session.revoked)
        refuse_session("The session was ended.");
    const TimestampTz now = GetCurrentTimestamp();
    if (session.expires_at <= now)
        refuse_session("The session has expired.");
    const int64 idle_limit = static_cast<int64>(settings::session_idle_seconds()) * USECS_PER_SEC;
    // A job waits for its turn; its token has a short life instead.
    if (idle_limit > 0 && session.purpose == nullptr && session.last_used_at + idle_limit <= now)
        refuse_session("The session was idle for too long.");
    return session;
}

char *session_id_text(const Session &session)
{
    // As uuid_out spells it, which puts it together byte by byte in a growing buffer.
    constexpr char digits[] = "0123456789abcdef";
    auto *text = static_cast<char *>(palloc(37));
    char *end = text;
    for (int i = 0; i < UUID_LEN; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *end++ = '-';
        *end++ = digits[session.id.data[i] >> 4];
        *end++ = digits[session.id.data[i] & 0x0F];
    }
    *end = '\0';
    return text;
}

// Runs one statement on tenancy.session as its owner, through a plan prepared once per backend, and tells how many rows
// it wrote. Under the latest snapshot, like the look-up: a session begun a moment ago is there also for a transaction
// whose own snapshot is older. SQL names every operator and type by schema.
uint64 write_session(SPIPlanPtr *plan, const char *sql, int count, Oid *types, Datum *values, const char *nulls)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation_of_ours("session")));
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);

    SPI_connect();
    const Caller caller = become(owner, SECURITY_RESTRICTED_OPERATION);
    if (*plan == nullptr) {
        SPIPlanPtr prepared = SPI_prepare(sql, count, types);
        if (prepared == nullptr || SPI_keepplan(prepared) != 0)
            elog(ERROR, "could not prepare a session statement: %s", SPI_result_code_string(SPI_result));
        *plan = prepared;
    }
    const int code =
        SPI_execute_snapshot(*plan, values, nulls, GetLatestSnapshot(), InvalidSnapshot, false, false, 0);
    become_again(caller);
    const uint64 written = SPI_processed;
    if (code < 0)
        elog(ERROR, "could not write the session: %s", SPI_result_code_string(code));
    SPI_finish();
    return written;
}

// Notes the use, at most once a minute; a request never waits for another request of the same session.
void touch(const Session &session)
{
    if (XactReadOnly || RecoveryInProgress() || GetCurrentTimestamp() - session.last_used_at < touch_interval_us)
        return;
    static SPIPlanPtr plan = nullptr;
    Oid types[] = {UUIDOID};
    Datum values[] = {UUIDPGetDatum(&session.id)};
    write_session(&plan,
                  "update tenancy.session set last_used_at = pg_catalog.clock_timestamp() where id "
                  "OPERATOR(pg_catalog.=) (select s.id from tenancy.session s where s.id OPERATOR(pg_catalog.=) $1 "
                  "for update skip locked)",
                  1, types, values, nullptr);
}

// A new token, and its digest as it is stored. The std::string is gone before Postgres is called again.
struct Token {
    char text[core::token::text_length + 1];
    Fingerprint digest;
};

void make_token(Token *token)
{
    const std::string made = core::token::make();
    digest_datum(&token->digest, made);
    strlcpy(token->text, made.c_str(), sizeof token->text);
}

// False when the session was ended or chose otherwise a moment ago.
bool store_choice(const Session &session, const text *old_token, const Token &token, const char *tenant_id)
{
    static SPIPlanPtr plan = nullptr;
    Fingerprint old_digest;
    Oid types[] = {UUIDOID, BYTEAOID, BYTEAOID, TEXTOID};
    Datum values[] = {UUIDPGetDatum(&session.id),
                      digest_datum(&old_digest, {VARDATA_ANY(old_token), core::token::text_length}),
                      PointerGetDatum(&token.digest),
                      tenant_id != nullptr ? CStringGetTextDatum(tenant_id) : PointerGetDatum(nullptr)};
    const char nulls[] = {' ', ' ', ' ', tenant_id != nullptr ? ' ' : 'n'};
    return write_session(&plan,
                         "update tenancy.session set token_hash = $3, tenant_id = $4, "
                         "last_used_at = pg_catalog.clock_timestamp() where id OPERATOR(pg_catalog.=) $1 "
                         "and token_hash OPERATOR(pg_catalog.=) $2 and revoked_at is null",
                         4, types, values, nulls) == 1;
}

void store_session(const Token &token, const directory::Account &account, const char *tenant_id,
                   TimestampTz expires_at, Datum client)
{
    static SPIPlanPtr plan = nullptr;
    Fingerprint fingerprint;
    Oid types[] = {BYTEAOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, JSONBOID, BYTEAOID};
    Datum values[] = {PointerGetDatum(&token.digest), CStringGetTextDatum(account.user_id),
                      tenant_id != nullptr ? CStringGetTextDatum(tenant_id) : PointerGetDatum(nullptr),
                      TimestampTzGetDatum(expires_at), client, digest_datum(&fingerprint, account.password_hash)};
    const char nulls[] = {' ', ' ', tenant_id != nullptr ? ' ' : 'n', ' ', ' ', ' '};
    write_session(&plan,
                  "insert into tenancy.session (token_hash, user_id, tenant_id, expires_at, client, "
                  "password_fingerprint) values ($1, $2, $3, $4, $5, $6)",
                  6, types, values, nulls);
}

// A tenancy.sign_in of the session as it is now.
Datum sign_in_record(FunctionCallInfo fcinfo, const char *token, const directory::Account &account,
                     const char *tenant_id, const directory::Memberships &memberships, TimestampTz expires_at)
{
    TupleDesc shape;
    if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be tenancy.sign_in");
    shape = BlessTupleDesc(shape);

    constexpr int columns = 8;
    Datum values[columns] = {};
    bool nulls[columns] = {};
    if (token != nullptr)
        values[0] = CStringGetTextDatum(token);
    nulls[0] = token == nullptr;
    values[1] = CStringGetTextDatum(account.user_id);
    values[2] = CStringGetTextDatum(account.user_name);
    values[3] = BoolGetDatum(account.is_admin);
    if (tenant_id != nullptr)
        values[4] = CStringGetTextDatum(tenant_id);
    nulls[4] = tenant_id == nullptr;
    values[5] = JsonbPGetDatum(memberships.tenants);
    values[6] = TimestampTzGetDatum(expires_at);
    nulls[6] = TIMESTAMP_IS_NOEND(expires_at); // no session
    const char *name = tenant_id != nullptr ? directory::tenant_name(tenant_id, account.user_id) : nullptr;
    if (name != nullptr)
        values[7] = CStringGetTextDatum(name);
    nulls[7] = name == nullptr;
    return HeapTupleGetDatum(heap_form_tuple(shape, values, nulls));
}

constexpr const char *account_gone = "The account is disabled or no longer there.";

// True for a session that no password opened, too.
bool password_is_unchanged(const Session &session, const char *password_hash)
{
    if (!session.has_fingerprint)
        return true;
    if (password_hash == nullptr)
        return false;
    const core::token::Digest now = core::token::digest(password_hash);
    return memcmp(now.data(), session.fingerprint, sizeof session.fingerprint) == 0;
}

constexpr const char *password_changed = "The password was changed.";

struct Allowed {
    bool is_admin;
    const char *role; // inside the session's tenant; null: none
};

// What the account and the membership allow the session now, or 28000; 42501 when its tenant is suspended.
Allowed require_standing(const Session &session)
{
    const standing_cache::Question question{&session.id, session.user_id, session.tenant_id,
                                            session.has_fingerprint ? session.fingerprint : nullptr, nullptr};
    const directory::Version version = directory::version();
    const standing_cache::Answer known = standing_cache::find(question, version);
    if (known.known == standing_cache::Known::as_of_now)
        return {known.is_admin, known.role};
    if (known.known == standing_cache::Known::a_moment_ago) {
        if (session.tenant_id != nullptr)
            suspension::require_not_suspended(session.tenant_id);
        return {known.is_admin, known.role};
    }

    const directory::Standing standing = directory::standing_of(session.user_id, session.tenant_id);
    if (!standing.active)
        refuse_session(account_gone);
    if (!password_is_unchanged(session, standing.password_hash))
        refuse_session(password_changed);
    if (session.tenant_id != nullptr && standing.tenant_id == nullptr && !standing.is_admin)
        refuse_session("The membership of the chosen tenant has ended.");
    if (session.tenant_id != nullptr)
        suspension::require_not_suspended(session.tenant_id);
    standing_cache::keep(question, version, standing.is_admin, standing.role);
    return {standing.is_admin, standing.role};
}

// The tenant as the directory spells it: one of the user's own, for an admin any that a membership names. Or 42501.
const char *require_choosable(const directory::Account &account, const text *tenant)
{
    // An overlong text is no tenant: do not repeat a megabyte in an error of the type's.
    if (VARSIZE_ANY_EXHDR(tenant) > longest_tenant)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("tenant is too long"),
                        errdetail("The identifier of a tenant has at most %d bytes.", longest_tenant)));
    const char *asked = text_to_cstring(tenant);
    const char *known = account.is_admin ? directory::tenant_with_members(asked)
                                         : directory::standing_of(account.user_id, asked).tenant_id;
    if (known == nullptr && account.is_admin)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("no membership names this tenant"),
                        errhint("An admin chooses a tenant that has a member, or NULL to see all.")));
    if (known == nullptr)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("not a member of this tenant"),
                        errhint("Choose one of the tenants that tenancy.login() and tenancy.whoami() list.")));
    suspension::require_not_suspended(known);
    return known;
}

directory::Account require_active_account(const char *user_id)
{
    const directory::Account account = directory::account_by_id(user_id);
    if (account.user_id == nullptr || account.disabled)
        refuse_session(account_gone);
    return account;
}

[[noreturn]] void refuse_sign_in(const throttle::Attempt &attempt)
{
    throttle::note_failure(attempt);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PASSWORD), errmsg("wrong user name or password")));
    pg_unreachable();
}

text *text_argument(FunctionCallInfo fcinfo, int number)
{
    return PG_ARGISNULL(number) ? cstring_to_text("") : PG_GETARG_TEXT_PP(number);
}

bool verifiable(core::password::Scheme scheme)
{
    return scheme != core::password::Scheme::unrecognized && scheme != core::password::Scheme::too_costly;
}

// The work is the same for a name that is there and one that is not: two questions to the directory and one
// hashing, against the account's own hash or else against another one of the directory.
directory::Account authenticate(const char *user_name, const text *password, const throttle::Attempt &attempt)
{
    // Spent when the directory has no usable hash at all; nothing hashes to it.
    constexpr const char *last_resort =
        "$y$j9T$......................$...........................................";

    const char *decoy = directory::decoy_hash();
    if (decoy == nullptr || !verifiable(core::password::scheme_of(decoy)))
        decoy = last_resort;
    const directory::Account account = directory::account_by_name(user_name);
    if (account.ambiguous)
        ereport(LOG, (errmsg("sign-in refused: a user name stands twice in the directory's accounts view"),
                      errhint("Make user names unique.")));

    bool usable = account.password_hash != nullptr && !account.ambiguous;
    if (usable) {
        const core::password::Scheme scheme = core::password::scheme_of(account.password_hash);
        usable = verifiable(scheme);
        if (!usable)
            ereport(LOG,
                    (errmsg("sign-in refused: the stored password hash of user \"%s\" is %s", account.user_id,
                            scheme == core::password::Scheme::too_costly ? "too costly to verify" : "of no known scheme"),
                     errhint("Store a hash made by tenancy.hash_password().")));
    }
    const char *hash = usable ? account.password_hash : decoy;
    const bool matches = core::password::verify(
        std::string_view(VARDATA_ANY(password), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(password))), hash);
    if (!matches || !usable || account.disabled)
        refuse_sign_in(attempt);
    return account;
}

} // namespace

namespace session {

Jsonb *client_of(const char *session_id)
{
    Jsonb *client = nullptr;
    if (session_id != nullptr)
        find_session("session_pkey", column_id, F_UUID_EQ, DirectFunctionCall1(uuid_in, CStringGetDatum(session_id)),
                     &client);
    return client != nullptr ? client : DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
}

void renew_fingerprint(const char *user_id, const char *old_hash, const char *new_hash)
{
    static SPIPlanPtr plan = nullptr;
    Fingerprint before;
    Fingerprint after;
    Oid types[] = {TEXTOID, BYTEAOID, BYTEAOID};
    Datum values[] = {CStringGetTextDatum(user_id), digest_datum(&before, old_hash), digest_datum(&after, new_hash)};
    write_session(&plan,
                  "update tenancy.session set password_fingerprint = $3 where user_id OPERATOR(pg_catalog.=) $1 "
                  "and password_fingerprint OPERATOR(pg_catalog.=) $2 and revoked_at is null",
                  3, types, values, nullptr);
}

void end_others(const char *user_id, const char *current_session_id, const char *new_hash)
{
    static SPIPlanPtr plan = nullptr;
    Fingerprint after;
    Oid types[] = {TEXTOID, UUIDOID, BYTEAOID};
    Datum values[] = {CStringGetTextDatum(user_id),
                      current_session_id != nullptr
                          ? DirectFunctionCall1(uuid_in, CStringGetDatum(current_session_id))
                          : PointerGetDatum(nullptr),
                      digest_datum(&after, new_hash)};
    const char nulls[] = {' ', current_session_id != nullptr ? ' ' : 'n', ' '};
    write_session(&plan,
                  "update tenancy.session set "
                  "password_fingerprint = case when id OPERATOR(pg_catalog.=) $2 then $3 else password_fingerprint end, "
                  "revoked_at = case when id OPERATOR(pg_catalog.=) $2 then null else pg_catalog.clock_timestamp() end "
                  "where user_id OPERATOR(pg_catalog.=) $1 and password_fingerprint is not null and revoked_at is null",
                  3, types, values, nulls);
}

JobToken begin_job(const char *user_id, const char *tenant_id, TimestampTz expires_at, const char *purpose)
{
    static SPIPlanPtr plan = nullptr;
    JobToken job;
    Token token;
    make_token(&token);
    pg_uuid_t *id = DatumGetUUIDP(DirectFunctionCall1(gen_random_uuid, PointerGetDatum(nullptr)));
    Oid types[] = {UUIDOID, BYTEAOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID};
    Datum values[] = {UUIDPGetDatum(id), PointerGetDatum(&token.digest), CStringGetTextDatum(user_id),
                      CStringGetTextDatum(tenant_id), TimestampTzGetDatum(expires_at), CStringGetTextDatum(purpose)};
    write_session(&plan,
                  "insert into tenancy.session (id, token_hash, user_id, tenant_id, expires_at, purpose) "
                  "values ($1, $2, $3, $4, $5, $6)",
                  6, types, values, nullptr);
    job.session_id = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
    job.token = pstrdup(token.text);
    return job;
}

} // namespace session

} // namespace tenancy

using namespace tenancy;

TENANCY_FUNCTION(tenancy_login)
{
    context::require_detached();
    text *name = text_argument(fcinfo, 0);
    text *password = text_argument(fcinfo, 1);
    Jsonb *client = PG_ARGISNULL(2) ? DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")))
                                    : PG_GETARG_JSONB_P(2);
    if (VARSIZE_ANY_EXHDR(name) > longest_user_name)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("user name is too long"),
                        errdetail("A user name has at most %d bytes.", longest_user_name)));
    if (VARSIZE_ANY_EXHDR(password) > core::password::longest)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("password is too long"),
                        errdetail("A password has at most %d bytes.", static_cast<int>(core::password::longest))));
    if (VARSIZE(client) > longest_client || !JB_ROOT_IS_OBJECT(client))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("client must be a JSON object of at most %d bytes",
                                                                         longest_client)));

    const throttle::Attempt attempt = throttle::admit(name, client);
    directory::Account account = authenticate(text_to_cstring(name), password, attempt);
    throttle::note_success(attempt);
    account.password_hash = password_renewal::renew(account, password);
    const directory::Memberships memberships = directory::memberships_of(account.user_id);
    const char *tenant = account.is_admin ? nullptr : memberships.only_tenant;
    const TimestampTz expires_at =
        GetCurrentTimestamp() + static_cast<int64>(settings::session_lifetime_seconds()) * USECS_PER_SEC;

    Token token;
    make_token(&token);
    store_session(token, account, tenant, expires_at, JsonbPGetDatum(client));
    if (account.is_admin)
        ereport(LOG, (errmsg("user \"%s\" began a session that bypasses tenant isolation", account.user_id)));
    return sign_in_record(fcinfo, token.text, account, tenant, memberships, expires_at);
}

TENANCY_FUNCTION(tenancy_attach)
{
    context::require_detached();
    if (issuer::attach(text_argument(fcinfo, 0), PG_NARGS() > 1 && !PG_ARGISNULL(1) ? PG_GETARG_TEXT_PP(1) : nullptr))
        PG_RETURN_VOID();
    const Session session = require_session(text_argument(fcinfo, 0));
    const Allowed allowed = require_standing(session);
    touch(session);
    const bool bypass = allowed.is_admin && session.tenant_id == nullptr;
    if (bypass)
        audit::record_first_use({.action = "admin_bypass", .user_id = session.user_id, .session_id = session_id_text(session)});
    else if (session.purpose != nullptr)
        audit::record_first_use({.action = "job_attach",
                                 .acting_as = session.user_id,
                                 .tenant_id = session.tenant_id,
                                 .reason = session.purpose,
                                 .session_id = session_id_text(session)});
    context::enter({session.user_id, session.tenant_id, session_id_text(session), bypass, allowed.role});
    PG_RETURN_VOID();
}

// What the session may do changes, and so does its token: one that somebody else knew from before opens nothing more.
TENANCY_FUNCTION(tenancy_choose_tenant)
{
    context::require_detached();
    const text *old_token = text_argument(fcinfo, 0);
    issuer::refuse_to_keep_choice(old_token);
    const Session session = require_session(old_token);
    if (session.purpose != nullptr)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("a job's session stays in its tenant"),
                        errhint("Ask an operator for a tenancy.job_token() of the other tenant.")));
    const directory::Account account = require_active_account(session.user_id);
    if (!password_is_unchanged(session, account.password_hash))
        refuse_session(password_changed);
    const char *tenant_id = PG_ARGISNULL(1) ? nullptr : require_choosable(account, PG_GETARG_TEXT_PP(1));

    Token token;
    make_token(&token);
    if (!store_choice(session, old_token, token, tenant_id))
        refuse_session(nullptr);
    const directory::Memberships memberships = directory::memberships_of(session.user_id);
    return sign_in_record(fcinfo, token.text, account, tenant_id, memberships, session.expires_at);
}

// NULL without a context, or when the context has no user.
TENANCY_FUNCTION(tenancy_current_sign_in)
{
    if (context::user_id() == nullptr)
        PG_RETURN_NULL();
    if (context::session_id() == nullptr)
        return sign_in_record(fcinfo, nullptr, require_active_account(context::user_id()), context::tenant_id(),
                              directory::memberships_of(context::user_id()), DT_NOEND);
    const Datum id = DirectFunctionCall1(uuid_in, CStringGetDatum(context::session_id()));
    const Session session = find_session("session_pkey", column_id, F_UUID_EQ, id);
    if (!session.found)
        PG_RETURN_NULL();
    const directory::Account account = require_active_account(session.user_id);
    return sign_in_record(fcinfo, nullptr, account, context::tenant_id(), directory::memberships_of(session.user_id),
                          session.expires_at);
}

TENANCY_FUNCTION(tenancy_hash_password)
{
    const text *password = text_argument(fcinfo, 0);
    const std::string_view characters(VARDATA_ANY(password), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(password)));
    const std::string hash = core::password::hash(characters);
    text *result = nullptr;
    call_postgres([&] { result = cstring_to_text_with_len(hash.data(), static_cast<int>(hash.size())); });
    PG_RETURN_TEXT_P(result);
}
