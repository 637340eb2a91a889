#include "core/client_address.hpp"

#include "throttle.hpp"

#include "autonomous.hpp"
#include "directory.hpp"
#include "guard.hpp"
#include "identity_switch.hpp"
#include "relation_of_ours.hpp"
#include "settings.hpp"

namespace tenancy::throttle {

namespace {

// SQL's own advisory locks have 1 and 2 in this place.
constexpr uint16 kind_of_lock = 7041;

struct Key {
    bytea *digest; // null: there is none
    int chances;
};

struct Standing {
    int wait;
    Key keys[2];
    bytea *pair;
    bool remembered;
    text *note;
};

Oid owner_of_ours()
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation_of_ours("sign_in_attempt")));
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

// Runs a statement on tenancy.sign_in_attempt as its owner, through a plan prepared once per backend, under the latest
// snapshot when it only reads. Leaves the answer in SPI_tuptable; the caller is connected to SPI.
void run(SPIPlanPtr *plan, const char *sql, int count, Oid *types, Datum *values, const char *nulls, bool reads)
{
    const Caller caller = become(owner_of_ours(), SECURITY_RESTRICTED_OPERATION);
    if (*plan == nullptr) {
        SPIPlanPtr prepared = SPI_prepare(sql, count, types);
        if (prepared == nullptr || SPI_keepplan(prepared) != 0)
            elog(ERROR, "could not prepare a throttling statement: %s", SPI_result_code_string(SPI_result));
        *plan = prepared;
    }
    const int code = SPI_execute_snapshot(*plan, values, nulls, reads ? GetLatestSnapshot() : InvalidSnapshot, InvalidSnapshot,
                                          reads, false, 0);
    become_again(caller);
    if (code != SPI_OK_SELECT || SPI_processed != 1)
        elog(ERROR, "could not run a throttling statement: %s", SPI_result_code_string(code));
}

Datum cell(int column, bool *is_null) { return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, is_null); }

// A bytea or text, copied to memory that outlives SPI_finish. Null for NULL.
varlena *copied_cell(int column)
{
    bool is_null;
    const Datum value = cell(column, &is_null);
    if (is_null)
        return nullptr;
    const varlena *plain = PG_DETOAST_DATUM(value);
    return static_cast<varlena *>(memcpy(SPI_palloc(VARSIZE(plain)), plain, VARSIZE(plain)));
}

int integer_cell(int column)
{
    bool is_null;
    const Datum value = cell(column, &is_null);
    return is_null ? 0 : DatumGetInt32(value);
}

Standing look(const text *user_name, const text *address_or_null)
{
    static SPIPlanPtr plan = nullptr;
    Oid types[] = {TEXTOID, TEXTOID, INT4OID, INT4OID, INT4OID, INT4OID};
    Datum values[] = {PointerGetDatum(user_name),
                      PointerGetDatum(address_or_null),
                      Int32GetDatum(settings::sign_in_free_failures()),
                      Int32GetDatum(settings::sign_in_free_failures_per_address()),
                      Int32GetDatum(settings::sign_in_longest_wait_seconds()),
                      Int32GetDatum(settings::sign_in_known_address_seconds())};
    const char nulls[] = {' ', address_or_null == nullptr ? 'n' : ' ', ' ', ' ', ' ', ' '};

    Standing standing{};
    bool is_null;
    SPI_connect();
    run(&plan,
        "select s.wait, s.first_key, s.first_chances, s.second_key, s.second_chances, s.pair_key, s.remembered, s.note "
        "from tenancy.sign_in_standing($1, $2, $3, $4, $5, $6) s",
        6, types, values, nulls, true);
    standing.wait = integer_cell(1);
    standing.keys[0] = {copied_cell(2), integer_cell(3)};
    standing.keys[1] = {copied_cell(4), integer_cell(5)};
    standing.pair = copied_cell(6);
    standing.remembered = DatumGetBool(cell(7, &is_null));
    standing.note = copied_cell(8);
    SPI_finish();
    return standing;
}

void refuse_while_waiting(const Standing &standing)
{
    if (standing.wait <= 0)
        return;
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("too many attempts"),
                    errhint_plural("Try again in %d second.", "Try again in %d seconds.", standing.wait, standing.wait)));
}

LOCKTAG chance_of(const Key &key, int number)
{
    uint32 digits;
    memcpy(&digits, VARDATA_ANY(key.digest), sizeof digits);
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, digits, static_cast<uint32>(number), kind_of_lock);
    return tag;
}

// The first free one of the key's chances; when none is, waits for one of them.
LOCKTAG take_chance(const Key &key)
{
    const int first = MyProcPid % key.chances;
    LOCKTAG tag = chance_of(key, first);
    for (int i = 0; i < key.chances; i++) {
        tag = chance_of(key, (first + i) % key.chances);
        if (LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL)
            return tag;
    }
    (void) LockAcquire(&tag, ExclusiveLock, false, false);
    return tag;
}

const text *address_of(Jsonb *client)
{
    JsonbValue storage;
    const JsonbValue *address = getKeyJsonValueFromContainer(&client->root, "address", 7, &storage);
    if (address == nullptr || address->type != jbvString)
        return nullptr;
    return cstring_to_text_with_len(address->val.string.val, address->val.string.len);
}

} // namespace

Attempt admit(const text *user_name_as_given, Jsonb *client)
{
    Attempt attempt{};
    // A standby starts no worker that could count, and the wait for one would last until its promotion. Before the password is
    // looked at: a right one would fail in another way than a wrong one, and guesses be free.
    if (RecoveryInProgress())
        ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION), errmsg("passwords are not checked on a standby"),
                        errhint("Connect to the primary server.")));
    if (settings::sign_in_longest_wait_seconds() == 0)
        return attempt;
    const text *user_name = directory::name_key(user_name_as_given);
    const text *address = address_of(client);
    const Standing before = look(user_name, address);
    refuse_while_waiting(before);
    for (const Key &key : before.keys)
        if (key.digest != nullptr)
            attempt.chance[attempt.chances++] = take_chance(key);

    // Others may have failed while this one waited for its chance.
    const Standing now = look(user_name, address);
    refuse_while_waiting(now);
    attempt.counted = true;
    attempt.remembered = now.remembered;
    attempt.note = now.note;
    attempt.pair = now.pair;
    return attempt;
}

void note_failure(const Attempt &attempt)
{
    if (!attempt.counted)
        return;
    // Whoever cancels a statement because it takes as long as a failure does must be counted all the same.
    InterruptHoldoffCount = InterruptHoldoffCount + 1; // HOLD_INTERRUPTS(), as C++20 wants it
    autonomous::run(autonomous::Task::note_sign_in, text_to_cstring(attempt.note));
    InterruptHoldoffCount = InterruptHoldoffCount - 1;
}

void note_success(const Attempt &attempt)
{
    if (!attempt.counted)
        return;
    // A long transaction must not keep others from trying.
    for (int i = 0; i < attempt.chances; i++)
        (void) LockRelease(&attempt.chance[i], ExclusiveLock, false);
    if (attempt.remembered || settings::sign_in_known_address_seconds() == 0)
        return;
    static SPIPlanPtr plan = nullptr;
    Oid types[] = {BYTEAOID, INT4OID};
    Datum values[] = {PointerGetDatum(attempt.pair), Int32GetDatum(settings::sign_in_known_address_seconds())};
    SPI_connect();
    run(&plan, "select tenancy.remember_sign_in($1, $2)", 2, types, values, nullptr, false);
    SPI_finish();
}

} // namespace tenancy::throttle

using namespace tenancy;

TENANCY_FUNCTION(tenancy_throttled_address)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const text *address = PG_GETARG_TEXT_PP(0);
    const std::string counted = core::client_address::throttled(
        std::string_view(VARDATA_ANY(address), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(address))));
    text *result = nullptr;
    call_postgres([&] { result = cstring_to_text_with_len(counted.data(), static_cast<int>(counted.size())); });
    PG_RETURN_TEXT_P(result);
}
