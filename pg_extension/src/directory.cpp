#include "directory.hpp"

#include "directory_sources.hpp"
#include "guard.hpp"
#include "identity_switch.hpp"
#include "relation_of_ours.hpp"
#include "table_changes.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "utils/fmgrprotos.h"
}

namespace tenancy::directory {

namespace {

constexpr int most_tenants = 1000;

// Prepared once per backend and kept until the registration or one of the views changes.
struct Prepared {
    bool complete; // all plans below are there
    bool outdated; // something they stand on has changed since
    Oid registry;  // tenancy.directory
    Oid accounts;
    Oid memberships;
    Oid owner;
    Oid account_type; // of the identifiers, as the question of standing takes them
    Oid member_type;
    Oid tenant_type;
    SPIPlanPtr by_name;
    SPIPlanPtr by_id;
    SPIPlanPtr decoy;
    SPIPlanPtr tenants;
    SPIPlanPtr standing;
    SPIPlanPtr all_tenants;
    SPIPlanPtr tenant;
    SPIPlanPtr tenant_name;
    SPIPlanPtr members;
};

Prepared prepared;

// How often the directory has changed, as far as this backend has heard.
uint64 changes = 0;

// What the standing is read from. Found out at the first question after each change.
Sources sources;

void forget(Datum, Oid relation)
{
    const bool ours = relation == InvalidOid || relation == prepared.registry || relation == prepared.accounts ||
                      relation == prepared.memberships;
    if (ours)
        prepared.outdated = true;
    if (ours || sources.contain(relation)) {
        sources.known = false;
        ++changes;
    }
}

// A label of an enumeration has another name, and so what the views show as text; or the views' owner has other rights.
void forget_answers(Datum, int, uint32)
{
    ++changes;
}

Oid registry_oid()
{
    return get_relname_relid("directory", get_namespace_oid("tenancy", false));
}

struct Registration {
    Oid accounts;
    Oid memberships;
    char *setter; // signature; null: there is none
};

Registration read_registration(Oid registry)
{
    constexpr AttrNumber accounts_column = 2;
    constexpr AttrNumber memberships_column = 3;
    constexpr AttrNumber setter_column = 4;

    Registration result{InvalidOid, InvalidOid, nullptr};
    Relation relation = table_open(registry, AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, snapshot, 0, nullptr);
    HeapTuple tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple)) {
        bool is_null;
        TupleDesc shape = RelationGetDescr(relation);
        result.accounts = DatumGetObjectId(heap_getattr(tuple, accounts_column, shape, &is_null));
        result.memberships = DatumGetObjectId(heap_getattr(tuple, memberships_column, shape, &is_null));
        const Datum setter = heap_getattr(tuple, setter_column, shape, &is_null);
        result.setter = is_null ? nullptr : TextDatumGetCString(setter);
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
    return result;
}

[[noreturn]] void refuse_column(const char *view, const char *column, const char *wanted)
{
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                    errmsg("column \"%s\" of directory view \"%s\" is not of type %s", column, view, wanted),
                    errhint("Cast it in the view.")));
    pg_unreachable();
}

Oid column_type(Oid view, const char *column, bool optional)
{
    const AttrNumber number = get_attnum(view, column);
    if (number == InvalidAttrNumber) {
        if (optional)
            return InvalidOid;
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_COLUMN),
                 errmsg("directory view \"%s\" has no column \"%s\"", get_rel_name(view), column),
                 errhint("Accounts need user_id, user_name, password_hash, is_admin, and may have disabled; memberships need "
                         "user_id, tenant_id, tenant_name, and may have role.")));
    }
    return get_atttype(view, number);
}

void require_text(Oid view, const char *column)
{
    const Oid type = column_type(view, column, false);
    if (type != TEXTOID && type != VARCHAROID)
        refuse_column(get_rel_name(view), column, "text");
}

bool has_boolean(Oid view, const char *column, bool optional)
{
    const Oid type = column_type(view, column, optional);
    if (type != InvalidOid && type != BOOLOID)
        refuse_column(get_rel_name(view), column, "boolean");
    return type != InvalidOid;
}

// int8, uuid or text.
Oid identifier_type_oid(Oid view, const char *column)
{
    switch (column_type(view, column, false)) {
    case INT4OID:
    case INT8OID:
        return INT8OID;
    case UUIDOID:
        return UUIDOID;
    case TEXTOID:
    case VARCHAROID:
        return TEXTOID;
    default:
        refuse_column(get_rel_name(view), column, "bigint, integer, uuid or text");
    }
}

// The type's name, spelled so that no search_path can give it another meaning.
const char *identifier_type(Oid view, const char *column)
{
    switch (identifier_type_oid(view, column)) {
    case INT8OID:
        return "pg_catalog.int8";
    case UUIDOID:
        return "pg_catalog.uuid";
    default:
        return "pg_catalog.text";
    }
}

Oid require_view(Oid view, const char *what)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(view));
    if (!HeapTupleIsValid(tuple))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the directory's %s view is gone", what),
                        errhint("Make it again and call tenancy.use_directory().")));
    auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    const Oid owner = form->relowner;
    if (form->relkind != RELKIND_VIEW)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a view", NameStr(form->relname)),
                        errhint("Make a view with the columns that the directory asks for, and give that.")));
    ReleaseSysCache(tuple);
    return owner;
}

const char *qualified(Oid relation)
{
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
}

void prepare(SPIPlanPtr *slot, int count, Oid *types, const char *format, ...) TENANCY_PRINTF(4, 5);

void prepare(SPIPlanPtr *slot, int count, Oid *types, const char *format, ...)
{
    StringInfoData sql;
    initStringInfo(&sql);
    for (;;) {
        va_list arguments;
        va_start(arguments, format);
        const int needed = appendStringInfoVA(&sql, format, arguments);
        va_end(arguments);
        if (needed == 0)
            break;
        enlargeStringInfo(&sql, needed);
    }
    // One plan for all values: they are keys, and planning anew costs more than the question.
    SPIPlanPtr plan = SPI_prepare_cursor(sql.data, count, types, CURSOR_OPT_GENERIC_PLAN);
    if (plan == nullptr || SPI_keepplan(plan) != 0)
        elog(ERROR, "could not prepare a directory query: %s", SPI_result_code_string(SPI_result));
    if (*slot != nullptr)
        SPI_freeplan(*slot);
    *slot = plan;
}

// Between SPI_connect and SPI_finish, as the views' owner.
void prepare_all(Oid accounts, Oid memberships)
{
    const char *account_type = identifier_type(accounts, "user_id");
    const char *member_type = identifier_type(memberships, "user_id");
    const char *tenant_type = identifier_type(memberships, "tenant_id");
    const char *disabled = has_boolean(accounts, "disabled", true) ? "coalesce(a.disabled, false)" : "false";
    const bool has_role = column_type(memberships, "role", true) != InvalidOid;
    const char *role = has_role ? ", 'role', m.role" : "";
    const char *from_accounts = qualified(accounts);
    const char *from_memberships = qualified(memberships);
    has_boolean(accounts, "is_admin", false);
    require_text(accounts, "user_name");
    require_text(accounts, "password_hash");
    require_text(memberships, "tenant_name");

    Oid texts[] = {TEXTOID, TEXTOID};
    const char *account_columns = psprintf("a.user_id::pg_catalog.text, a.user_name::pg_catalog.text, "
                                           "a.password_hash::pg_catalog.text, coalesce(a.is_admin, false), %s",
                                           disabled);
    prepare(&prepared.by_name, 1, texts, "select %s from %s a where a.user_name OPERATOR(pg_catalog.=) $1 limit 2",
            account_columns, from_accounts);
    prepare(&prepared.by_id, 1, texts, "select %s from %s a where a.user_id OPERATOR(pg_catalog.=) $1::%s limit 1",
            account_columns, from_accounts, account_type);
    prepare(&prepared.decoy, 0, texts,
            "select a.password_hash::pg_catalog.text from %s a where a.password_hash is not null limit 1",
            from_accounts);
    prepare(&prepared.tenants, 1, texts,
            "select pg_catalog.count(*), pg_catalog.min(t.id), "
            "coalesce(pg_catalog.jsonb_agg(t.entry order by t.name, t.id), '[]'::pg_catalog.jsonb) "
            "from (select m.tenant_id::pg_catalog.text as id, m.tenant_name::pg_catalog.text as name, "
            "pg_catalog.jsonb_build_object('id', m.tenant_id::pg_catalog.text, 'name', m.tenant_name%s) as entry "
            "from %s m where m.user_id OPERATOR(pg_catalog.=) $1::%s order by 2, 1 limit %d) t",
            role, from_memberships, member_type, most_tenants);
    // Asked at each attach: a bare join by keys, the rows of which standing_of() puts together. Values and answer are of the
    // columns' own types: each cast from or to text is looked up and set up anew each time.
    prepared.account_type = identifier_type_oid(accounts, "user_id");
    prepared.member_type = identifier_type_oid(memberships, "user_id");
    prepared.tenant_type = identifier_type_oid(memberships, "tenant_id");
    Oid identifiers[] = {prepared.account_type, prepared.member_type, prepared.tenant_type};
    prepare(&prepared.standing, 3, identifiers,
            "select coalesce(a.is_admin, false), %s, a.password_hash::pg_catalog.text, m.tenant_id::%s, "
            "%s from %s a left join %s m on m.user_id OPERATOR(pg_catalog.=) $2 and m.tenant_id "
            "OPERATOR(pg_catalog.=) $3 where a.user_id OPERATOR(pg_catalog.=) $1",
            disabled, tenant_type, has_role ? "m.role::pg_catalog.text" : "null::pg_catalog.text", from_accounts,
            from_memberships);
    prepare(&prepared.all_tenants, 0, texts,
            "select t.id::pg_catalog.text from (select distinct m.tenant_id::%s as id from %s m) t "
            "where t.id is not null order by t.id",
            tenant_type, from_memberships);
    prepare(&prepared.tenant, 1, texts,
            "select m.tenant_id::pg_catalog.text from %s m where m.tenant_id OPERATOR(pg_catalog.=) $1::%s limit 1",
            from_memberships, tenant_type);
    // What the user's own membership calls it; for an admin without one, any.
    prepare(&prepared.tenant_name, 2, texts,
            "select coalesce((select m.tenant_name::pg_catalog.text from %s m where m.user_id OPERATOR(pg_catalog.=) $2::%s "
            "and m.tenant_id OPERATOR(pg_catalog.=) $1::%s limit 1), (select m.tenant_name::pg_catalog.text from %s m "
            "where m.tenant_id OPERATOR(pg_catalog.=) $1::%s limit 1))",
            from_memberships, member_type, tenant_type, from_memberships, tenant_type);
    prepare(&prepared.members, 1, texts,
            "select pg_catalog.array_agg(distinct m.user_id::pg_catalog.text) from %s m "
            "where m.tenant_id OPERATOR(pg_catalog.=) $1::%s",
            from_memberships, tenant_type);
}

// The views' code runs with its owner's rights and leaves nothing behind: a setting that it changes, be it for the
// session, is put back. An ERROR in between puts all back itself.
struct Reader {
    Caller caller;
    int settings;
};

Reader begin_reading(Oid owner)
{
    const Caller caller = become(owner, SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
    return {caller, NewGUCNestLevel()};
}

void end_reading(const Reader &reader)
{
    AtEOXact_GUC(false, reader.settings);
    become_again(reader.caller);
}

void load()
{
    const Oid registry = registry_oid();
    const Registration registration = read_registration(registry);
    if (!OidIsValid(registration.accounts))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("no directory is registered"),
                        errhint("Call tenancy.use_directory(accounts, memberships) as the owner of the database.")));

    const Oid owner = require_view(registration.accounts, "accounts");
    if (require_view(registration.memberships, "memberships") != owner)
        ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION), errmsg("the directory's views have two owners"),
                        errhint("Give both views the same owner with ALTER VIEW … OWNER TO.")));

    // A change that arrives while the queries are being prepared marks them outdated for the next question.
    prepared.complete = false;
    prepared.outdated = false;
    prepared.registry = registry;
    prepared.accounts = registration.accounts;
    prepared.memberships = registration.memberships;
    prepared.owner = owner;

    const Reader reader = begin_reading(owner);
    prepare_all(registration.accounts, registration.memberships);
    end_reading(reader);
    prepared.complete = true;
}

using Plan = SPIPlanPtr Prepared::*;

// The caller is connected to SPI.
void load_if_needed()
{
    // A transaction that holds the locks on our tables already has not been told what others registered meanwhile.
    AcceptInvalidationMessages();
    if (!prepared.complete || prepared.outdated)
        load();
}

// Runs a prepared question and leaves the answer in SPI_tuptable; the caller is connected to SPI.
void run(Plan plan, Datum *values, const char *nulls)
{
    const Reader reader = begin_reading(prepared.owner);
    // The latest snapshot, whatever the isolation level: an account disabled a moment ago is disabled.
    const int code = SPI_execute_snapshot(prepared.*plan, values, nulls, GetLatestSnapshot(), InvalidSnapshot, true,
                                          false, 0);
    end_reading(reader);
    if (code != SPI_OK_SELECT)
        elog(ERROR, "could not ask the directory: %s", SPI_result_code_string(code));
}

// The same with one or two texts.
void ask(Plan plan, const char *first, const char *second)
{
    load_if_needed();
    Datum values[2] = {PointerGetDatum(nullptr), PointerGetDatum(nullptr)};
    char nulls[2] = {'n', 'n'};
    if (first != nullptr) {
        values[0] = CStringGetTextDatum(first);
        nulls[0] = ' ';
    }
    if (second != nullptr) {
        values[1] = CStringGetTextDatum(second);
        nulls[1] = ' ';
    }
    run(plan, values, nulls);
}

Datum cell(int column, bool *is_null, uint64 row = 0)
{
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, is_null);
}

bool flag(int column, uint64 row = 0)
{
    bool is_null;
    const Datum value = cell(column, &is_null, row);
    return !is_null && DatumGetBool(value);
}

// In memory that outlives SPI_finish.
char *copied(const text *packed)
{
    const int length = VARSIZE_ANY_EXHDR(packed);
    auto *copy = static_cast<char *>(SPI_palloc(static_cast<Size>(length) + 1));
    memcpy(copy, VARDATA_ANY(packed), static_cast<size_t>(length));
    copy[length] = '\0';
    return copy;
}

// A text cell, copied. Null for NULL.
char *text_cell(int column, uint64 row = 0)
{
    bool is_null;
    const Datum value = cell(column, &is_null, row);
    return is_null ? nullptr : copied(DatumGetTextPP(value));
}

bool function_belongs_to(Oid function, Oid owner)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return false;
    const bool belongs = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner == owner;
    ReleaseSysCache(tuple);
    return belongs;
}

// Between SPI_connect and SPI_finish, as the views' owner. The registration is a text, so what it names is looked at
// again: the function may have gone, or have another owner now.
const char *call_of_setter(const char *signature)
{
    Oid types[] = {TEXTOID};
    Datum values[] = {CStringGetTextDatum(signature)};
    bool is_null = true;
    Oid function = InvalidOid;
    if (SPI_execute_with_args("select pg_catalog.to_regprocedure($1)", 1, types, values, nullptr, true, 1) ==
            SPI_OK_SELECT &&
        SPI_processed == 1)
        function = DatumGetObjectId(cell(1, &is_null));
    if (is_null || !function_belongs_to(function, prepared.owner))
        ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                        errmsg("the directory's function that stores password hashes is gone or has another owner"),
                        errhint("Call tenancy.use_directory() with one that belongs to the owner of the views.")));
    Oid *arguments;
    int count;
    (void) get_func_signature(function, &arguments, &count);
    return psprintf("select %s($1::%s, $2)",
                    quote_qualified_identifier(get_namespace_name(get_func_namespace(function)), get_func_name(function)),
                    format_type_be_qualified(arguments[0]));
}

Account ask_account(Plan plan, const char *key)
{
    Account account{};
    SPI_connect();
    ask(plan, key, nullptr);
    if (SPI_processed > 0) {
        account.user_id = text_cell(1);
        account.user_name = text_cell(2);
        account.password_hash = text_cell(3);
        account.is_admin = flag(4);
        account.disabled = flag(5);
        account.ambiguous = SPI_processed > 1;
    }
    SPI_finish();
    return account;
}

Oid type_of(Oid Prepared::*view, const char *column)
{
    if (!prepared.complete || prepared.outdated) {
        SPI_connect();
        load();
        SPI_finish();
    }
    return column_type(prepared.*view, column, false);
}

void hint_at_identifiers(void *) { errhint("Give an identifier as the directory's views show it, not a name."); }

// A text that is no identifier of the view's type is bad input. It is refused here, with the type's own error, because
// the error of a question would show its SQL text.
Datum identifier(Oid type, const char *text)
{
    ErrorContextCallback hint{error_context_stack, hint_at_identifiers, nullptr};
    error_context_stack = &hint;
    Datum value;
    switch (type) {
    case INT4OID:
    case INT8OID:
        value = DirectFunctionCall1(int8in, CStringGetDatum(text));
        break;
    case UUIDOID:
        value = DirectFunctionCall1(uuid_in, CStringGetDatum(text));
        break;
    default:
        value = CStringGetTextDatum(text);
    }
    error_context_stack = hint.previous;
    return value;
}

void require_identifier(Oid type, const char *text)
{
    if (text != nullptr)
        (void) identifier(type, text);
}

// The other way round, in memory that outlives SPI_finish. Null for NULL.
char *identifier_cell(Oid type, int column)
{
    bool is_null;
    const Datum value = cell(column, &is_null);
    if (is_null)
        return nullptr;
    if (type == TEXTOID)
        return copied(DatumGetTextPP(value));
    const char *text = DatumGetCString(type == INT8OID ? DirectFunctionCall1(int8out, value) : DirectFunctionCall1(uuid_out, value));
    auto *copy = static_cast<char *>(SPI_palloc(strlen(text) + 1));
    strcpy(copy, text);
    return copy;
}

} // namespace

void init()
{
    CacheRegisterRelcacheCallback(forget, PointerGetDatum(nullptr));
    CacheRegisterSyscacheCallback(ENUMOID, forget_answers, PointerGetDatum(nullptr));
    CacheRegisterSyscacheCallback(AUTHOID, forget_answers, PointerGetDatum(nullptr));
    CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, forget_answers, PointerGetDatum(nullptr));
}

Account account_by_name(const char *user_name) { return ask_account(&Prepared::by_name, user_name); }

Account account_by_id(const char *user_id)
{
    require_identifier(user_id_type(), user_id);
    return ask_account(&Prepared::by_id, user_id);
}

const text *name_key(const text *user_name)
{
    const Oid accounts = read_registration(registry_oid()).accounts;
    const AttrNumber column = OidIsValid(accounts) ? get_attnum(accounts, "user_name") : InvalidAttrNumber;
    Oid type = InvalidOid;
    Oid collation = InvalidOid;
    int32 modifier;
    if (column != InvalidAttrNumber)
        get_atttypetypmodcoll(accounts, column, &type, &modifier, &collation);
    if (!OidIsValid(collation) || get_collation_isdeterministic(collation))
        return user_name;
    // Equal under the collation is equal here. Two names of one hash would share their waits, no more.
    const auto half = [&](int64 seed) {
        return DatumGetUInt64(DirectFunctionCall2Coll(hashtextextended, collation, PointerGetDatum(user_name), Int64GetDatum(seed)));
    };
    return cstring_to_text(psprintf(UINT64_FORMAT " " UINT64_FORMAT, half(1), half(2)));
}

char *decoy_hash()
{
    SPI_connect();
    ask(&Prepared::decoy, nullptr, nullptr);
    char *hash = SPI_processed > 0 ? text_cell(1) : nullptr;
    SPI_finish();
    return hash;
}

Memberships memberships_of(const char *user_id)
{
    Memberships result{};
    bool is_null;
    SPI_connect();
    ask(&Prepared::tenants, user_id, nullptr);
    result.count = static_cast<int>(DatumGetInt64(cell(1, &is_null)));
    if (result.count == 1)
        result.only_tenant = text_cell(2);
    const Jsonb *tenants = DatumGetJsonbP(cell(3, &is_null));
    result.tenants = static_cast<Jsonb *>(SPI_palloc(VARSIZE(tenants)));
    memcpy(result.tenants, tenants, VARSIZE(tenants));
    SPI_finish();
    return result;
}

Oid user_id_type() { return type_of(&Prepared::accounts, "user_id"); }
Oid tenant_id_type() { return type_of(&Prepared::memberships, "tenant_id"); }

Standing standing_of(const char *user_id, const char *tenant_id_or_null)
{
    Standing result{};
    SPI_connect();
    load_if_needed();
    const bool asks_tenant = tenant_id_or_null != nullptr;
    Datum values[] = {identifier(prepared.account_type, user_id), identifier(prepared.member_type, user_id),
                      asks_tenant ? identifier(prepared.tenant_type, tenant_id_or_null) : PointerGetDatum(nullptr)};
    const char nulls[] = {' ', ' ', asks_tenant ? ' ' : 'n'};
    run(&Prepared::standing, values, nulls);
    if (!sources.known)
        sources = sources_of(prepared.standing, {relation_of_ours("suspension"), relation_of_ours("token_cutoff")});
    if (SPI_processed > 0) {
        result.is_admin = flag(1);
        result.active = !flag(2);
        result.password_hash = text_cell(3);
        result.tenant_id = identifier_cell(prepared.tenant_type, 4);
        result.role = text_cell(5);
    }
    // An account or a membership that stands there twice: what all of its rows allow.
    for (uint64 row = 1; row < SPI_processed; ++row) {
        result.is_admin = result.is_admin && flag(1, row);
        result.active = result.active && !flag(2, row);
        const char *role = text_cell(5, row);
        if (result.role != nullptr && (role == nullptr || strcmp(role, result.role) != 0))
            result.role = nullptr;
    }
    SPI_finish();
    return result;
}

Tenants all_tenants()
{
    Tenants result{};
    SPI_connect();
    ask(&Prepared::all_tenants, nullptr, nullptr);
    result.count = static_cast<int>(SPI_processed);
    result.ids = static_cast<char **>(SPI_palloc(sizeof(char *) * (SPI_processed + 1)));
    for (uint64 i = 0; i < SPI_processed; ++i) {
        bool is_null;
        const Datum id = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);
        result.ids[i] = copied(DatumGetTextPP(id));
    }
    SPI_finish();
    return result;
}

char *tenant_with_members(const char *tenant_id)
{
    require_identifier(tenant_id_type(), tenant_id);
    SPI_connect();
    ask(&Prepared::tenant, tenant_id, nullptr);
    char *known = SPI_processed > 0 ? text_cell(1) : nullptr;
    SPI_finish();
    return known;
}

char *tenant_name(const char *tenant_id, const char *user_id)
{
    SPI_connect();
    ask(&Prepared::tenant_name, tenant_id, user_id);
    char *name = SPI_processed > 0 ? text_cell(1) : nullptr;
    SPI_finish();
    return name;
}

bool has_setter() { return read_registration(registry_oid()).setter != nullptr; }

void set_password_hash(const char *user_id, const char *hash)
{
    const char *setter = read_registration(registry_oid()).setter;
    if (setter == nullptr)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the directory has no function that stores password hashes"),
                        errhint("Give tenancy.use_directory() one as its third argument.")));
    SPI_connect();
    if (!prepared.complete || prepared.outdated)
        load();
    const Reader owner = begin_reading(prepared.owner);
    Oid types[] = {TEXTOID, TEXTOID};
    Datum values[] = {CStringGetTextDatum(user_id), CStringGetTextDatum(hash)};
    const int code = SPI_execute_with_args(call_of_setter(setter), 2, types, values, nullptr, false, 0);
    end_reading(owner);
    if (code != SPI_OK_SELECT)
        elog(ERROR, "could not call the directory's setter: %s", SPI_result_code_string(code));
    SPI_finish();
}

bool lock_password_hash(const char *user_id, const char *hash)
{
    SPI_connect();
    if (!prepared.complete || prepared.outdated)
        load();
    const Reader owner = begin_reading(prepared.owner);
    (void) set_config_option("lock_timeout", "1s", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    const char *sql = psprintf("select a.password_hash::pg_catalog.text OPERATOR(pg_catalog.=) $2 from %s a "
                               "where a.user_id OPERATOR(pg_catalog.=) $1::%s for update",
                               qualified(prepared.accounts), identifier_type(prepared.accounts, "user_id"));
    Oid types[] = {TEXTOID, TEXTOID};
    Datum values[] = {CStringGetTextDatum(user_id), CStringGetTextDatum(hash)};
    const int code = SPI_execute_with_args(sql, 2, types, values, nullptr, false, 0);
    end_reading(owner);
    if (code != SPI_OK_SELECT)
        elog(ERROR, "could not lock an account: %s", SPI_result_code_string(code));
    const bool same = SPI_processed > 0 && flag(1);
    SPI_finish();
    return same;
}

Version version()
{
    AcceptInvalidationMessages(); // of what was committed before this moment
    Version now{false, changes, 0};
    now.known = sources.known && sources.traceable && !prepared.outdated && table_changes::counted() &&
                !table_changes::pending() && table_changes::take(sources.tables, sources.table_count, &now.writes);
    return now;
}

} // namespace tenancy::directory

using namespace tenancy;

// Statement trigger on tenancy.directory: tells every backend to prepare its questions anew.
TENANCY_FUNCTION(tenancy_directory_changed)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("tenancy.directory_changed() can only be called as a trigger")));
    CacheInvalidateRelcache(reinterpret_cast<TriggerData *>(fcinfo->context)->tg_relation);
    PG_RETURN_POINTER(nullptr);
}

// (tenant text) → text: the tenant as the directory spells it, NULL when no membership names it.
TENANCY_FUNCTION(tenancy_known_tenant)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const char *known = directory::tenant_with_members(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    if (known == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(known));
}

// (user_id text) → text: the user as the directory spells it, NULL when there is no such account.
TENANCY_FUNCTION(tenancy_known_user)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const char *known = directory::account_by_id(text_to_cstring(PG_GETARG_TEXT_PP(0))).user_id;
    if (known == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(known));
}

// (user_name text) → text: the name as failed sign-ins are counted by.
TENANCY_FUNCTION(tenancy_name_key)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(directory::name_key(PG_GETARG_TEXT_PP(0)));
}

// (tenant text) → text[]: user_id of its members, NULL when it has none.
TENANCY_FUNCTION(tenancy_members_of)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    bool is_null;
    const char *tenant = text_to_cstring(PG_GETARG_TEXT_PP(0));
    directory::require_identifier(directory::tenant_id_type(), tenant);
    SPI_connect();
    directory::ask(&directory::Prepared::members, tenant, nullptr);
    Datum members = directory::cell(1, &is_null);
    if (!is_null)
        members = SPI_datumTransfer(members, false, -1);
    SPI_finish();
    if (is_null)
        PG_RETURN_NULL();
    PG_RETURN_DATUM(members);
}

// Asks each question once, so that a directory that cannot work is refused when it is registered.
TENANCY_FUNCTION(tenancy_probe_directory)
{
    directory::decoy_hash();
    directory::account_by_name("");
    directory::memberships_of(nullptr);
    PG_RETURN_VOID();
}
