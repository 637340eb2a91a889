// Sign-in, attach, choice of a tenant: the only C++ code that touches tenancy.session. The row is found by direct
// index access, with no rights of the caller needed and none lent; it is written as the table's owner.
#include "core/password.hpp"
#include "core/token.hpp"

#include "context.hpp"
#include "directory.hpp"
#include "guard.hpp"
#include "identity_switch.hpp"
#include "issuer.hpp"
#include "settings.hpp"

namespace tenancy {

namespace {

constexpr int longest_user_name = 1024;
constexpr int longest_client = 4096;
constexpr int64 touch_interval_us = 60 * USECS_PER_SEC;

// Columns of tenancy.session, as sql/30_session.sql has them.
enum Column : AttrNumber {
    column_id = 1,
    column_token_hash,
    column_user_id,
    column_tenant_id,
    column_created_at,
    column_last_used_at,
    column_expires_at,
    column_revoked_at
};

struct Session {
    bool found;
    bool revoked;
    pg_uuid_t id;
    char *user_id;
    char *tenant_id; // null: none chosen
    TimestampTz last_used_at;
    TimestampTz expires_at;
};

Oid relation_of_ours(const char *name)
{
    const Oid relation = get_relname_relid(name, get_namespace_oid("tenancy", false));
    if (!OidIsValid(relation))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"tenancy.%s\" is not there", name),
                        errhint("Run CREATE EXTENSION tenancy in this database.")));
    return relation;
}

// By token digest or by id, under the latest snapshot: a session revoked a moment ago is revoked, also for a
// transaction whose own snapshot is older.
Session find_session(const char *index, Column column, RegProcedure equals, Datum key)
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
        bool is_null;
        session.found = true;
        session.id = *DatumGetUUIDP(heap_getattr(tuple, column_id, shape, &is_null));
        session.user_id = TextDatumGetCString(heap_getattr(tuple, column_user_id, shape, &is_null));
        const Datum tenant = heap_getattr(tuple, column_tenant_id, shape, &is_null);
        session.tenant_id = is_null ? nullptr : TextDatumGetCString(tenant);
        session.last_used_at = DatumGetTimestampTz(heap_getattr(tuple, column_last_used_at, shape, &is_null));
        session.expires_at = DatumGetTimestampTz(heap_getattr(tuple, column_expires_at, shape, &is_null));
        (void) heap_getattr(tuple, column_revoked_at, shape, &is_null);
        session.revoked = !is_null;
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

    const core::token::Digest digest = core::token::digest(characters);
    struct {
        alignas(int32) char header[VARHDRSZ];
        std::uint8_t bytes[sizeof digest];
    } key;
    memcpy(key.bytes, digest.data(), sizeof key.bytes);
    SET_VARSIZE(&key, sizeof key);

    const Session session =
        find_session("session_token_hash_key", column_token_hash, F_BYTEAEQ, PointerGetDatum(&key));
    if (!session.found)
        refuse_session(nullptr);
    if (session.revoked)
        refuse_session("The session was ended.");
    const TimestampTz now = GetCurrentTimestamp();
    if (session.expires_at <= now)
        refuse_session("The session has expired.");
    const int64 idle_limit = static_cast<int64>(settings::session_idle_seconds()) * USECS_PER_SEC;
    if (idle_limit > 0 && session.last_used_at + idle_limit <= now)
        refuse_session("The session was idle for too long.");
    return session;
}

char *session_id_text(const Session &session)
{
    return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&session.id)));
}

// Runs one statement on tenancy.session as its owner, through a plan prepared once per backend.
// SQL names every operator and type by schema.
void write_session(SPIPlanPtr *plan, const char *sql, int count, Oid *types, Datum *values, const char *nulls)
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
    const int code = SPI_execute_plan(*plan, values, nulls, false, 0);
    become_again(caller);
    if (code < 0)
        elog(ERROR, "could not write the session: %s", SPI_result_code_string(code));
    SPI_finish();
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

void store_tenant(const Session &session, text *tenant)
{
    static SPIPlanPtr plan = nullptr;
    Oid types[] = {UUIDOID, TEXTOID};
    Datum values[] = {UUIDPGetDatum(&session.id), PointerGetDatum(tenant)};
    const char nulls[] = {' ', tenant == nullptr ? 'n' : ' '};
    write_session(&plan, "update tenancy.session set tenant_id = $2 where id OPERATOR(pg_catalog.=) $1", 2, types,
                  values, nulls);
}

void store_session(const std::uint8_t *token_hash, const char *user_id, const char *tenant_id, TimestampTz expires_at,
                   Datum client)
{
    static SPIPlanPtr plan = nullptr;
    auto *hash = static_cast<bytea *>(palloc(VARHDRSZ + sizeof(core::token::Digest)));
    SET_VARSIZE(hash, VARHDRSZ + sizeof(core::token::Digest));
    memcpy(VARDATA(hash), token_hash, sizeof(core::token::Digest));

    Oid types[] = {BYTEAOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, JSONBOID};
    Datum values[] = {PointerGetDatum(hash), CStringGetTextDatum(user_id),
                      tenant_id != nullptr ? CStringGetTextDatum(tenant_id) : PointerGetDatum(nullptr),
                      TimestampTzGetDatum(expires_at), client};
    const char nulls[] = {' ', ' ', tenant_id != nullptr ? ' ' : 'n', ' ', ' '};
    write_session(&plan,
                  "insert into tenancy.session (token_hash, user_id, tenant_id, expires_at, client) "
                  "values ($1, $2, $3, $4, $5)",
                  5, types, values, nulls);
}

// A tenancy.sign_in of the session as it is now.
Datum sign_in_record(FunctionCallInfo fcinfo, const char *token, const directory::Account &account,
                     const char *tenant_id, const directory::Memberships &memberships, TimestampTz expires_at)
{
    TupleDesc shape;
    if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be tenancy.sign_in");
    shape = BlessTupleDesc(shape);

    constexpr int columns = 7;
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
    return HeapTupleGetDatum(heap_form_tuple(shape, values, nulls));
}

constexpr const char *account_gone = "The account is disabled or no longer there.";

directory::Account require_active_account(const char *user_id)
{
    const directory::Account account = directory::account_by_id(user_id);
    if (account.user_id == nullptr || account.disabled)
        refuse_session(account_gone);
    return account;
}

[[noreturn]] void refuse_sign_in()
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PASSWORD), errmsg("wrong user name or password")));
    pg_unreachable();
}

text *text_argument(FunctionCallInfo fcinfo, int number)
{
    return PG_ARGISNULL(number) ? cstring_to_text("") : PG_GETARG_TEXT_PP(number);
}

// The work is the same for a name that is there and one that is not: two questions to the directory and one
// hashing, against the account's own hash or else against another one of the directory.
directory::Account authenticate(const char *user_name, const text *password)
{
    // Spent when the directory has no usable hash at all; nothing hashes to it.
    constexpr const char *last_resort =
        "$y$j9T$......................$...........................................";

    const char *decoy = directory::decoy_hash();
    const directory::Account account = directory::account_by_name(user_name);
    const bool usable = account.password_hash != nullptr && !account.ambiguous;
    const char *hash = usable ? account.password_hash : decoy != nullptr ? decoy : last_resort;

    const core::password::Scheme scheme = core::password::scheme_of(hash);
    if (usable && (scheme == core::password::Scheme::unrecognized || scheme == core::password::Scheme::too_costly))
        ereport(LOG, (errmsg("sign-in refused: the stored password hash of user \"%s\" is %s", account.user_id,
                             scheme == core::password::Scheme::too_costly ? "too costly to verify" : "of no known scheme"),
                      errhint("Store a hash made by tenancy.hash_password().")));
    if (account.ambiguous)
        ereport(LOG, (errmsg("sign-in refused: a user name stands twice in the directory's accounts view"),
                      errhint("Make user names unique.")));

    const bool matches = core::password::verify(
        std::string_view(VARDATA_ANY(password), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(password))), hash);
    if (!matches || !usable || account.disabled)
        refuse_sign_in();
    return account;
}

} // namespace

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

    const directory::Account account = authenticate(text_to_cstring(name), password);
    const directory::Memberships memberships = directory::memberships_of(account.user_id);
    const char *tenant = account.is_admin ? nullptr : memberships.only_tenant;
    const TimestampTz expires_at =
        GetCurrentTimestamp() + static_cast<int64>(settings::session_lifetime_seconds()) * USECS_PER_SEC;

    // The std::string is gone before Postgres is called again.
    char token[core::token::text_length + 1];
    core::token::Digest digest;
    {
        const std::string made = core::token::make();
        digest = core::token::digest(made);
        strlcpy(token, made.c_str(), sizeof token);
    }
    store_session(digest.data(), account.user_id, tenant, expires_at, JsonbPGetDatum(client));
    if (account.is_admin)
        ereport(LOG, (errmsg("user \"%s\" began a session that bypasses tenant isolation", account.user_id)));
    return sign_in_record(fcinfo, token, account, tenant, memberships, expires_at);
}

TENANCY_FUNCTION(tenancy_attach)
{
    context::require_detached();
    if (issuer::attach(text_argument(fcinfo, 0), PG_NARGS() > 1 && !PG_ARGISNULL(1) ? PG_GETARG_TEXT_PP(1) : nullptr))
        PG_RETURN_VOID();
    const Session session = require_session(text_argument(fcinfo, 0));
    const directory::Standing standing = directory::standing_of(session.user_id, session.tenant_id);
    if (!standing.active)
        refuse_session(account_gone);
    if (!standing.member && !standing.is_admin)
        refuse_session("The membership of the chosen tenant has ended.");
    touch(session);
    context::enter({session.user_id, session.tenant_id, session_id_text(session),
                    standing.is_admin && session.tenant_id == nullptr});
    PG_RETURN_VOID();
}

TENANCY_FUNCTION(tenancy_choose_tenant)
{
    context::require_detached();
    issuer::refuse_to_keep_choice(text_argument(fcinfo, 0));
    const Session session = require_session(text_argument(fcinfo, 0));
    const directory::Account account = require_active_account(session.user_id);
    text *tenant = PG_ARGISNULL(1) ? nullptr : PG_GETARG_TEXT_PP(1);
    const char *tenant_id = tenant != nullptr ? text_to_cstring(tenant) : nullptr;
    if (tenant_id != nullptr && !directory::standing_of(session.user_id, tenant_id).member)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("not a member of this tenant"),
                        errhint("Choose one of the tenants that tenancy.login() and tenancy.whoami() list.")));
    store_tenant(session, tenant);
    const directory::Memberships memberships = directory::memberships_of(session.user_id);
    return sign_in_record(fcinfo, nullptr, account, tenant_id, memberships, session.expires_at);
}

// NULL without a context, or when the context has no session.
TENANCY_FUNCTION(tenancy_current_sign_in)
{
    if (context::session_id() == nullptr)
        PG_RETURN_NULL();
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
