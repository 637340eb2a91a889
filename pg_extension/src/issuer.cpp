#include "core/jwt.hpp"
#include "core/token.hpp"

#include "issuer.hpp"

#include "audit.hpp"
#include "context.hpp"
#include "directory.hpp"
#include "guard.hpp"
#include "relation_of_ours.hpp"
#include "standing_cache.hpp"
#include "suspension.hpp"
#include "token_cutoff.hpp"

extern "C" {
#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/json.h"
}

namespace tenancy::issuer {

namespace {

// Columns of tenancy.issuer and tenancy.issuer_key, as sql/44_issuer.sql has them.
enum IssuerColumn : AttrNumber {
    column_issuer = 1,
    column_audience,
    column_audience_claim,
    column_user_claim,
    column_tenant_claim,
    column_require_expiry,
    column_leeway
};
enum KeyColumn : AttrNumber { column_of_issuer = 1, column_ordinal, column_kid, column_algorithm, column_key };

// A row of tenancy.issuer with its keys. Plain values: core copies them.
struct Row {
    bool found;
    char **audience;
    int audiences;
    char *audience_claim;
    char *user_claim;
    char *tenant_claim; // empty: none
    bool require_expiry;
    int leeway;
    int keys;
    struct {
        char *kid;
        char *algorithm;
        char *jwk;
    } key[core::jwt::most_keys];
};

core::jwt::Issuers *known = nullptr; // made at the first token
bool outdated = false;
Oid issuer_relation = InvalidOid;
Oid key_relation = InvalidOid;

void forget(Datum, Oid relation)
{
    if (relation == InvalidOid || relation == issuer_relation || relation == key_relation)
        outdated = true;
}

std::string_view view_of(const text *value)
{
    return {VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

// The reason is for the server's log. Outside only the holder of a genuine token learns anything: that it has expired.
[[noreturn]] void refuse(const char *reason, bool expired)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION), errmsg("token is not valid"),
                    expired ? errdetail("The token has expired.") : 0, errdetail_log("The token was refused: %s.", reason),
                    errhint("Get a new token from its issuer.")));
    pg_unreachable();
}

// ---------------------------------------------------------------- the tables

char *text_of(HeapTuple tuple, AttrNumber column, TupleDesc shape)
{
    bool is_null;
    const Datum value = heap_getattr(tuple, column, shape, &is_null);
    return is_null ? pstrdup("") : TextDatumGetCString(value);
}

void take_issuer(Row &row, HeapTuple tuple, TupleDesc shape)
{
    bool is_null;
    Datum *elements;
    ArrayType *audience = DatumGetArrayTypeP(heap_getattr(tuple, column_audience, shape, &is_null));
    deconstruct_array(audience, TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr, &row.audiences);
    row.audience = static_cast<char **>(palloc(sizeof(char *) * static_cast<Size>(row.audiences)));
    for (int i = 0; i < row.audiences; ++i)
        row.audience[i] = TextDatumGetCString(elements[i]);
    row.audience_claim = text_of(tuple, column_audience_claim, shape);
    row.user_claim = text_of(tuple, column_user_claim, shape);
    row.tenant_claim = text_of(tuple, column_tenant_claim, shape);
    row.require_expiry = DatumGetBool(heap_getattr(tuple, column_require_expiry, shape, &is_null));
    row.leeway = DatumGetInt32(heap_getattr(tuple, column_leeway, shape, &is_null));
    row.found = true;
}

void take_key(Row &row, HeapTuple tuple, TupleDesc shape)
{
    bool is_null;
    if (row.keys == core::jwt::most_keys)
        return;
    auto &key = row.key[row.keys++];
    key.kid = text_of(tuple, column_kid, shape);
    key.algorithm = text_of(tuple, column_algorithm, shape);
    Jsonb *jwk = DatumGetJsonbP(heap_getattr(tuple, column_key, shape, &is_null));
    key.jwk = JsonbToCString(nullptr, &jwk->root, VARSIZE(jwk));
}

// Hands each row of the issuer to `take`. By index, under the latest snapshot: an issuer distrusted a moment ago is.
void scan(Oid relation_oid, const char *index, Datum name, Row &row, void (*take)(Row &, HeapTuple, TupleDesc))
{
    ScanKeyData condition;
    ScanKeyInit(&condition, column_issuer, BTEqualStrategyNumber, F_TEXTEQ, name);
    Relation relation = table_open(relation_oid, AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc rows = systable_beginscan(relation, relation_of_ours(index), true, snapshot, 1, &condition);
    for (HeapTuple tuple; HeapTupleIsValid(tuple = systable_getnext(rows));)
        take(row, tuple, RelationGetDescr(relation));
    systable_endscan(rows);
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
}

// Calls no Postgres: what it makes has destructors.
const core::jwt::Issuer *remember(const char *name, const Row &row)
{
    core::jwt::Issuer issuer;
    issuer.terms.audience.assign(row.audience, row.audience + row.audiences);
    issuer.terms.audience_claim = row.audience_claim;
    issuer.terms.user_claim = row.user_claim;
    issuer.terms.tenant_claim = row.tenant_claim;
    issuer.terms.require_expiry = row.require_expiry;
    issuer.terms.leeway = row.leeway;
    for (int i = 0; i < row.keys; ++i)
        if (const auto algorithm = core::jwt::algorithm_named(row.key[i].algorithm))
            issuer.keys.push_back({row.key[i].kid, core::jwt::Key(row.key[i].jwk, *algorithm)});
    return &known->emplace(name, std::move(issuer)).first->second;
}

// Null when nobody trusts it; such names are not kept, for strangers could send any number of them.
const core::jwt::Issuer *find(const char *name)
{
    if (known == nullptr)
        known = new core::jwt::Issuers;
    AcceptInvalidationMessages(); // also of what was committed since this transaction began
    if (outdated)
        known->clear();
    // A change that arrives while the tables are read marks what was read as outdated for the next token.
    outdated = false;
    if (const auto found = known->find(std::string_view(name)); found != known->end())
        return &found->second;

    Row row{};
    issuer_relation = relation_of_ours("issuer");
    key_relation = relation_of_ours("issuer_key");
    const Datum key = CStringGetTextDatum(name);
    scan(issuer_relation, "issuer_pkey", key, row, take_issuer);
    if (!row.found)
        return nullptr;
    scan(key_relation, "issuer_key_pkey", key, row, take_key);
    return remember(name, row);
}

// ---------------------------------------------------------------- the holder

double seconds_since_1970()
{
    constexpr double epoch = static_cast<double>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
    return static_cast<double>(GetCurrentTimestamp()) / USECS_PER_SEC + epoch;
}

// JSON is UTF-8; the database may be something else.
char *to_server(char *value) { return pg_any_to_server(value, static_cast<int>(strlen(value)), PG_UTF8); }

// Whether the text is an identifier in the one spelling that the directory's column gives. "007" must not be the
// user 7, and what is no number at all must be refused like any other stranger, not as bad input.
bool is_spelled(Oid type, const char *text)
{
    switch (type) {
    case INT4OID:
    case INT8OID:
        return context::spells_bigint(text);
    case UUIDOID:
        return context::spells_uuid(text);
    default:
        return true;
    }
}

// Who holds a good token.
struct Holder {
    char issuer[core::jwt::longest_identifier + 1];
    core::jwt::Claims claims;
    bool limited; // to the tenants of a claim
};

Holder verified(const text *token, const char *wanted_tenant)
{
    Holder holder;
    if (!core::jwt::issuer_of(view_of(token), holder.issuer))
        refuse(core::jwt::explain(core::jwt::Refusal::malformed), false);
    const core::jwt::Issuer *issuer = find(holder.issuer);
    if (issuer == nullptr)
        refuse("its issuer is not trusted", false);
    const core::jwt::Refusal refusal =
        core::jwt::verify(*issuer, view_of(token), seconds_since_1970(), wanted_tenant, holder.claims);
    if (refusal != core::jwt::Refusal::none)
        refuse(core::jwt::explain(refusal), refusal == core::jwt::Refusal::expired);
    holder.limited = !issuer->terms.tenant_claim.empty();
    return holder;
}

// Once for each token. It has no session; in the place of one stands a uuid (version 8) made of the token's digest,
// which names the token and opens nothing.
void record_bypass(const text *token, const char *issuer, const char *user)
{
    const core::token::Digest digest = core::token::digest(view_of(token));
    pg_uuid_t name;
    memcpy(name.data, digest.data(), sizeof name.data);
    name.data[6] = static_cast<unsigned char>((name.data[6] & 0x0F) | 0x80);
    name.data[8] = static_cast<unsigned char>((name.data[8] & 0x3F) | 0x80);
    StringInfoData detail;
    initStringInfo(&detail);
    appendStringInfoString(&detail, "{\"issuer\": ");
    escape_json(&detail, issuer);
    appendStringInfoChar(&detail, '}');
    audit::record_first_use({.action = "admin_bypass",
                             .user_id = user,
                             .session_id = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&name))),
                             .detail = detail.data});
}

char *copy_or_null(const char *text) { return text != nullptr ? pstrdup(text) : nullptr; }

[[noreturn]] void refuse_tenant()
{
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("this token does not open this tenant"),
                    errhint("Choose a tenant that the directory's memberships name, and the token too where it names any.")));
    pg_unreachable();
}

} // namespace

void init() { CacheRegisterRelcacheCallback(forget, PointerGetDatum(nullptr)); }

bool attach(const text *token, const text *tenant_or_null)
{
    char *wanted = tenant_or_null != nullptr ? text_to_cstring(tenant_or_null) : nullptr;
    if (!core::jwt::looks_signed(view_of(token))) {
        if (wanted != nullptr)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a session keeps its tenant"),
                            errhint("Choose it with tenancy.choose_tenant(token, tenant), then attach the token alone.")));
        return false;
    }

    char *wanted_utf8 = wanted != nullptr ? pg_server_to_any(wanted, static_cast<int>(strlen(wanted)), PG_UTF8) : nullptr;
    Holder holder = verified(token, wanted_utf8 != nullptr ? wanted_utf8 : "");
    core::jwt::Claims &claims = holder.claims;
    const bool limited = holder.limited;
    const char *user = to_server(claims.user);
    if (!is_spelled(directory::user_id_type(), user))
        refuse("its user is not in the directory", false);

    const char *asked = wanted;
    if (wanted == nullptr && limited && claims.tenants == 1)
        asked = to_server(claims.only_tenant);
    const bool spelled = asked != nullptr && is_spelled(directory::tenant_id_type(), asked);

    // The directory gives the rights; a tenant claim can only take some away. What it said of this user and this tenant may be
    // known still.
    const double *issued = claims.has_issued ? &claims.issued : nullptr;
    const standing_cache::Question question{nullptr, user, asked, nullptr, issued};
    const directory::Version version = directory::version();
    const bool wants_only = asked == nullptr && !limited; // the user's only tenant
    const standing_cache::Answer at_hand =
        spelled || wants_only ? standing_cache::find(question, version) : standing_cache::Answer{};
    const bool known_still = at_hand.known == standing_cache::Known::as_of_now;
    directory::Standing standing =
        known_still ? directory::Standing{true, at_hand.is_admin, nullptr, copy_or_null(wants_only ? at_hand.tenant : asked),
                                          copy_or_null(at_hand.role)}
                    : directory::standing_of(user, spelled ? asked : nullptr);
    if (!standing.active)
        refuse("its user is disabled or not in the directory", false);
    // Before anything is said about tenants: a token that was taken back learns nothing.
    if (!known_still && token_cutoff::covers(user, nullptr, issued))
        refuse("operators have taken it back", false);
    const char *tenant = standing.tenant_id;
    if (tenant == nullptr && spelled && standing.is_admin)
        tenant = directory::tenant_with_members(asked);
    if (wanted != nullptr && (tenant == nullptr || (limited && !claims.names_wanted)))
        refuse_tenant();
    if (asked != nullptr && tenant == nullptr)
        refuse("its user is no member of the tenant that it names", false);

    const bool bypass = asked == nullptr && standing.is_admin && !limited;
    if (wants_only && !bypass && !known_still) {
        tenant = directory::memberships_of(user).only_tenant;
        standing = directory::standing_of(user, tenant);
        tenant = standing.tenant_id;
    }
    if (tenant != nullptr && !known_still && token_cutoff::covers(user, tenant, issued))
        refuse("operators have taken it back", false);
    if (tenant != nullptr && !known_still)
        suspension::require_not_suspended(tenant);
    // Spelled in another way a tenant would stand in the context as the token has it, not as the directory does.
    if (spelled && !known_still && standing.tenant_id != nullptr && strcmp(standing.tenant_id, asked) == 0)
        standing_cache::keep(question, version, standing.is_admin, standing.role);
    // An admin's is a bypass, which has no tenant.
    if (wants_only && !known_still && !bypass)
        standing_cache::keep(question, version, false, standing.role, tenant);
    if (bypass)
        record_bypass(token, holder.issuer, user);
    context::enter({user, tenant, nullptr, bypass, standing.role});
    return true;
}

void refuse_to_keep_choice(const text *token)
{
    if (core::jwt::looks_signed(view_of(token)))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a signed token has no session that could keep a tenant"),
                        errhint("Name the tenant in each transaction: tenancy.attach(token, tenant).")));
}

} // namespace tenancy::issuer

using namespace tenancy;

// Statement trigger on tenancy.issuer and tenancy.issuer_key: every backend reads them anew.
TENANCY_FUNCTION(tenancy_issuer_changed)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("tenancy.issuer_changed() can only be called as a trigger")));
    CacheInvalidateRelcache(reinterpret_cast<TriggerData *>(fcinfo->context)->tg_relation);
    PG_RETURN_POINTER(nullptr);
}

// The algorithm that a key is for, NULL when none of those allowed. Core works on copies while nothing of Postgres runs.
TENANCY_FUNCTION(tenancy_jwk_algorithm)
{
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    Jsonb *jwk = PG_GETARG_JSONB_P(0);
    const char *key = JsonbToCString(nullptr, &jwk->root, VARSIZE(jwk));
    Datum *elements;
    bool *nulls;
    int count;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
    auto **names = static_cast<const char **>(palloc0(sizeof(char *) * static_cast<Size>(count + 1)));
    for (int i = 0; i < count; ++i)
        names[i] = nulls[i] ? "" : TextDatumGetCString(elements[i]);

    char found[16] = "";
    {
        std::vector<core::jwt::Algorithm> allowed;
        for (int i = 0; i < count; ++i) {
            const auto algorithm = core::jwt::algorithm_named(names[i]);
            if (!algorithm)
                throw SqlError("22023", "unrecognized algorithm \"" + std::string(names[i]) + "\"", {},
                               "Name some of RS256, PS256, ES256, EdDSA, HS256.");
            allowed.push_back(*algorithm);
        }
        if (const auto algorithm = core::jwt::algorithm_of(key, allowed))
            strlcpy(found, std::string(core::jwt::name_of(*algorithm)).c_str(), sizeof found);
    }
    if (found[0] == '\0')
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(found));
}
