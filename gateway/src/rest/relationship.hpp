// How an embedded resource hangs together with the one around it: found in the foreign keys.
#pragma once

#include "rest/query.hpp"
#include "rest/schema.hpp"

namespace gateway::rest {

struct Relationship {
    enum class Kind { many_to_one, one_to_one, one_to_many, many_to_many };
    Kind kind = Kind::many_to_one;
    const Relation *target = nullptr;
    const ForeignKey *near = nullptr; // the key between origin and target, or between origin and junction
    const ForeignKey *far = nullptr;  // many_to_many: between junction and target
    bool refers = false;              // the origin has the key, the target is referred to
    bool to_one() const { return kind == Kind::many_to_one || kind == Kind::one_to_one; }
};

// The one relationship that the embedding means. Throws PGRST200 when there is none, PGRST201 when there are several.
// A hint is the constraint's name, one of the key's columns, or the junction's name.
Relationship find_relationship(const Schema &schema, const Relation &origin, const Embedding &embedding);

} // namespace gateway::rest
