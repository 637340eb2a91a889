#include "relation_of_ours.hpp"

namespace tenancy {

namespace {

constexpr int places = 16; // more than we have names; who finds none free looks each time

struct Place {
    const char *name;
    Oid relation;
};

Place known[places];
int count = 0;

void forget(Datum, Oid relation)
{
    for (int i = 0; i < count; ++i) {
        if (relation == InvalidOid || known[i].relation == relation) {
            count = 0;
            return;
        }
    }
}

} // namespace

void init_relations_of_ours() { CacheRegisterRelcacheCallback(forget, PointerGetDatum(nullptr)); }

Oid relation_of_ours(const char *name)
{
    for (int i = 0; i < count; ++i) {
        if (strcmp(known[i].name, name) == 0)
            return known[i].relation;
    }
    const Oid relation = get_relname_relid(name, get_namespace_oid("tenancy", false));
    if (!OidIsValid(relation))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"tenancy.%s\" is not there", name),
                        errhint("Run CREATE EXTENSION tenancy in this database.")));
    if (count < places)
        known[count++] = {name, relation};
    return relation;
}

} // namespace tenancy
