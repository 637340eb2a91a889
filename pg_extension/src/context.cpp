#include "context.hpp"

#include "guard.hpp"
#include "settings.hpp"

namespace tenancy::context {

namespace {

constexpr std::size_t longest_identifier = 255;

// A setting's text, parsed once by the check hook and handed to the assign hook as its "extra".
struct Identifier {
    bool is_bigint;
    bool is_uuid;
    int64 as_bigint;
    pg_uuid_t as_uuid;
    char text[longest_identifier + 1];
};

// What Postgres keeps for SHOW; the readers use the parsed values below.
char *user_setting = nullptr;
char *tenant_setting = nullptr;
char *session_setting = nullptr;
char *role_setting = nullptr;
char *actor_setting = nullptr;
bool bypass_setting = false;
bool read_only_setting = false;
bool all_roles_setting = false;

// Written by the assign hooks alone. Null where the setting is empty.
const Identifier *current_user_id = nullptr;
const Identifier *current_tenant_id = nullptr;
const Identifier *current_session_id = nullptr;
const Identifier *current_role = nullptr;
const Identifier *current_actor = nullptr;

// When the last transaction that declared a cursor WITH HOLD began. Portals cannot be listed from outside.
TimestampTz held_cursor_since = 0;

// For a hint only: the context never depends on it.
bool entered_before = false;

// True only inside enter() and lend(). It is a guard, not state: the context never depends on it afterwards.
bool entering = false;

class EnteringScope {
public:
    EnteringScope() { entering = true; }
    ~EnteringScope() { entering = false; }
    EnteringScope(const EnteringScope &) = delete;
    EnteringScope &operator=(const EnteringScope &) = delete;
};

// Values come from enter(), from the boot value, or from the leader of a parallel query. All else is forged:
// SET, set_config, PGOPTIONS, ALTER ROLE … SET, a function's SET clause, a placeholder of before the library.
bool may_write(GucSource source)
{
    if (entering || source == PGC_S_DEFAULT || InitializingParallelWorker)
        return true;
    GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
    GUC_check_errmsg("the tenant context cannot be set by hand");
    GUC_check_errhint("Call tenancy.attach(token) with the token of a signed-in session.");
    return false;
}

// The one spelling that int8out gives: a tenant "007" of a text directory is not the tenant 7 of a bigint column.
bool parse_bigint(const char *text, int64 *value)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return false;
    if (digits[0] == '0' && (digits[1] != '\0' || digits != text))
        return false;
    errno = 0;
    *value = strtoi64(text, nullptr, 10);
    return errno == 0;
}

int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

// The one spelling that uuid_out gives, for identifiers come from a uuid column's text.
bool parse_uuid(const char *text, pg_uuid_t *value)
{
    if (strlen(text) != 36)
        return false;
    int byte = 0;
    for (int i = 0; i < 36;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-')
                return false;
            continue;
        }
        const int high = hex_value(text[i]);
        const int low = hex_value(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        value->data[byte++] = static_cast<unsigned char>(high << 4 | low);
        i += 2;
    }
    return true;
}

bool check_identifier(char **value, void **extra, GucSource source)
{
    if (!may_write(source))
        return false;
    const char *text = *value;
    if (text == nullptr || text[0] == '\0')
        return true;
    if (strlen(text) > longest_identifier) {
        GUC_check_errmsg("identifier of a user, tenant or role is too long");
        GUC_check_errdetail("It has at most %d bytes.", static_cast<int>(longest_identifier));
        return false;
    }
    auto *parsed = static_cast<Identifier *>(compat::guc_allocate(sizeof(Identifier)));
    if (parsed == nullptr)
        return false;
    memset(parsed, 0, sizeof *parsed);
    strlcpy(parsed->text, text, sizeof parsed->text);
    parsed->is_bigint = parse_bigint(text, &parsed->as_bigint);
    parsed->is_uuid = parse_uuid(text, &parsed->as_uuid);
    *extra = parsed;
    return true;
}

bool check_flag(bool *, void **, GucSource source) { return may_write(source); }

void assign_user(const char *, void *extra) { current_user_id = static_cast<const Identifier *>(extra); }
void assign_tenant(const char *, void *extra) { current_tenant_id = static_cast<const Identifier *>(extra); }
void assign_session(const char *, void *extra) { current_session_id = static_cast<const Identifier *>(extra); }
void assign_role(const char *, void *extra) { current_role = static_cast<const Identifier *>(extra); }
void assign_actor(const char *, void *extra) { current_actor = static_cast<const Identifier *>(extra); }

// Read-only for everybody: not in files, not in RESET ALL, and the check hook refuses whoever is left.
constexpr int context_flags = GUC_NO_RESET_ALL | GUC_DISALLOW_IN_FILE | GUC_NOT_IN_SAMPLE;

void define_identifier(const char *name, const char *text, char **variable, GucStringAssignHook assign)
{
    DefineCustomStringVariable(name, text, "Set by tenancy.attach() for one transaction; nobody can set it by hand.",
                               variable, "", PGC_SUSET, context_flags, check_identifier, assign, nullptr);
}

void set_local(const char *name, const char *value)
{
    (void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

void set_settings(const Identity &identity)
{
    if (identity.user_id != nullptr)
        set_local("tenancy.user_id", identity.user_id);
    if (identity.tenant_id != nullptr)
        set_local("tenancy.tenant_id", identity.tenant_id);
    if (identity.session_id != nullptr)
        set_local("tenancy.session_id", identity.session_id);
    if (identity.bypass)
        set_local("tenancy.bypass", "on");
    if (identity.role != nullptr)
        set_local("tenancy.role", identity.role);
    if (identity.actor != nullptr)
        set_local("tenancy.actor", identity.actor);
    if (identity.all_roles)
        set_local("tenancy.all_roles", "on");
    if (identity.read_only) {
        set_local("tenancy.read_only", "on");
        set_local("transaction_read_only", "on");
    }
}

void set_role(const char *role_name)
{
    const Oid role = get_role_oid(role_name, false);
    if (!compat::may_set_role(GetSessionUserId(), role))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("login role \"%s\" may not act as \"%s\"", GetUserNameFromId(GetSessionUserId(), false),
                               role_name),
                        errhint("Grant it tenancy_gateway: GRANT tenancy_gateway TO %s.",
                                quote_identifier(GetUserNameFromId(GetSessionUserId(), false)))));
    (void) set_config_option("role", role_name, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

// Shared by the readers of the tenant and of the user: what "not set" means.
// Returns when the reader shall answer NULL.
void refuse_or_null(bool for_tenant)
{
    if (bypassing() || settings::on_missing_context() == settings::MissingContext::empty)
        return;
    if (attached() && for_tenant)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("no tenant chosen in this session"),
                        errhint("Call tenancy.choose_tenant(token, tenant) and attach again; with a signed token call "
                                "tenancy.attach(token, tenant).")));
    if (attached())
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("no user in this context"),
                        errdetail("A job of tenancy.for_each_tenant() has a tenant and no user."),
                        errhint("Ask tenancy.actor() who acts, or run the job for a user with tenancy.job_token().")));
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("no tenant context in this transaction"),
                    errdetail("Rows of protected tables are there only inside an attached transaction."),
                    errhint("Call tenancy.attach(token) as the first statement of the transaction.")));
}

[[noreturn]] void refuse_type(const char *wanted)
{
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("identifier of this context is not of type %s", wanted),
                    errdetail("The directory's views and the protected column have different types."),
                    errhint("Give both the same type, or protect the table with the column of the right type.")));
    pg_unreachable();
}

Datum read_text(FunctionCallInfo fcinfo, const Identifier *identifier, bool of_tenant)
{
    if (identifier == nullptr) {
        refuse_or_null(of_tenant);
        PG_RETURN_NULL();
    }
    PG_RETURN_TEXT_P(cstring_to_text(identifier->text));
}

Datum read_bigint(FunctionCallInfo fcinfo, const Identifier *identifier, bool of_tenant)
{
    if (identifier == nullptr) {
        refuse_or_null(of_tenant);
        PG_RETURN_NULL();
    }
    if (!identifier->is_bigint)
        refuse_type("bigint");
    PG_RETURN_INT64(identifier->as_bigint);
}

Datum read_uuid(FunctionCallInfo fcinfo, const Identifier *identifier, bool of_tenant)
{
    if (identifier == nullptr) {
        refuse_or_null(of_tenant);
        PG_RETURN_NULL();
    }
    if (!identifier->is_uuid)
        refuse_type("uuid");
    auto *copy = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
    *copy = identifier->as_uuid;
    PG_RETURN_UUID_P(copy);
}

} // namespace

void define_settings()
{
    define_identifier("tenancy.user_id", "User of the current context.", &user_setting, assign_user);
    define_identifier("tenancy.tenant_id", "Tenant of the current context.", &tenant_setting, assign_tenant);
    define_identifier("tenancy.session_id", "Session of the current context.", &session_setting, assign_session);
    define_identifier("tenancy.role", "Role of the user inside the tenant of the current context.", &role_setting, assign_role);
    define_identifier("tenancy.actor", "Operator who acts in the current context.", &actor_setting, assign_actor);
    DefineCustomBoolVariable("tenancy.bypass", "Whether the current context may see all tenants.",
                             "Set by tenancy.attach() for one transaction; nobody can set it by hand.",
                             &bypass_setting, false, PGC_SUSET, context_flags, check_flag, nullptr, nullptr);
    DefineCustomBoolVariable("tenancy.read_only", "Whether the current context writes nothing.",
                             "Set by tenancy.act_as() for one transaction; nobody can set it by hand.", &read_only_setting,
                             false, PGC_SUSET, context_flags, check_flag, nullptr, nullptr);
    DefineCustomBoolVariable("tenancy.all_roles", "Whether the current context has every role inside its tenant.",
                             "Set by the trials of tenancy.isolation_tests() for one statement; nobody can set it by hand.",
                             &all_roles_setting, false, PGC_SUSET, context_flags, check_flag, nullptr, nullptr);
}

bool spells_bigint(const char *text)
{
    int64 value;
    return parse_bigint(text, &value);
}

bool spells_uuid(const char *text)
{
    pg_uuid_t value;
    return parse_uuid(text, &value);
}

bool attached() { return current_user_id != nullptr || current_actor != nullptr; }
bool was_attached() { return entered_before; }
bool bypassing() { return bypass_setting; }
const char *user_id() { return current_user_id != nullptr ? current_user_id->text : nullptr; }
const char *tenant_id() { return current_tenant_id != nullptr ? current_tenant_id->text : nullptr; }
const char *role() { return current_role != nullptr ? current_role->text : nullptr; }
bool has_all_roles() { return all_roles_setting; }
const char *actor() { return current_actor != nullptr ? current_actor->text : user_id(); }
const char *session_id() { return current_session_id != nullptr ? current_session_id->text : nullptr; }

void require_detached()
{
    if (attached())
        ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("this transaction is attached already"),
                        errdetail("A context is set once and stays to the end of the transaction."),
                        errhint("End the transaction first, or roll back to a savepoint of before tenancy.attach().")));
}

void hold_read_only()
{
    if (read_only_setting)
        XactReadOnly = true;
}

void note_held_cursor() { held_cursor_since = GetCurrentTransactionStartTimestamp(); }

void require_enterable()
{
    require_detached();
    if (held_cursor_since == GetCurrentTransactionStartTimestamp())
        ereport(ERROR, (errcode(ERRCODE_INVALID_CURSOR_STATE),
                        errmsg("this transaction has declared a cursor WITH HOLD"),
                        errdetail("It would be filled at commit and carry a tenant's rows into the next transaction."),
                        errhint("Call tenancy.attach(token) as the first statement of the transaction.")));
}

void enter(const Identity &identity)
{
    require_enterable();
    EnteringScope scope;
    call_postgres([&] {
        set_settings(identity);
        set_role(identity.bypass ? "tenancy_admin" : "tenancy_user");
    });
    entered_before = true;
}

void lend(const Identity &identity)
{
    require_detached();
    EnteringScope scope;
    call_postgres([&] { set_settings(identity); });
}

} // namespace tenancy::context

using namespace tenancy;

TENANCY_FUNCTION(tenancy_tenant_id) { return context::read_text(fcinfo, context::current_tenant_id, true); }
TENANCY_FUNCTION(tenancy_tenant_bigint) { return context::read_bigint(fcinfo, context::current_tenant_id, true); }
TENANCY_FUNCTION(tenancy_tenant_uuid) { return context::read_uuid(fcinfo, context::current_tenant_id, true); }
TENANCY_FUNCTION(tenancy_user_id) { return context::read_text(fcinfo, context::current_user_id, false); }
TENANCY_FUNCTION(tenancy_user_bigint) { return context::read_bigint(fcinfo, context::current_user_id, false); }
TENANCY_FUNCTION(tenancy_user_uuid) { return context::read_uuid(fcinfo, context::current_user_id, false); }
TENANCY_FUNCTION(tenancy_bypassing) { PG_RETURN_BOOL(context::bypassing()); }

TENANCY_FUNCTION(tenancy_session_id)
{
    if (context::current_session_id == nullptr)
        PG_RETURN_NULL();
    return context::read_uuid(fcinfo, context::current_session_id, false);
}
