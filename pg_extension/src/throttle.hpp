// Sign-in under attack: who has to wait before a password is looked at.
//
// What counts. A failed sign-in counts for its user name and for its client address; the counts are in
// tenancy.sign_in_attempt, outlive the failed transaction and a restart, and are the same for names that exist and names
// that do not. After a few free failures the name or the address has to wait a second, and twice as long after each
// further one, up to tenancy.sign_in_longest_wait. As long a time without a failure takes one failure off. So a name can be
// guessed about once in the longest wait, from however many addresses.
//
// Nobody is locked out for good:
// - A refused attempt counts for nothing and makes no wait longer. A wait has an end, and so has a count.
// - An address that has signed in with a name is known for that name (tenancy.sign_in_known_address). There the pair of both
//   has a count of its own, and what others do with the name, or at the address, is nothing to it. A success takes the
//   pair's own failures off; it never takes off those of the name or the address: somebody with an account of their own
//   could otherwise clear the way for guessing at others'.
// - Sessions that are open are not touched. Operators call tenancy.reset_sign_in().
// What remains: as long as somebody goes on guessing a name, its user may have to wait at an address never used before, or
// where the guesser shares the address.
//
// No guess goes uncounted. Whoever may try takes a chance (a lock) until the attempt is over, and there are as many chances
// as free failures are left, at least one: a burst over many connections has less than twice the free failures. Between the
// password's check and the count nothing can cancel the statement. Without a background worker to count with, the attempt
// fails (53400), and keeps its chance while it waits for one.
//
// The address is what the caller of tenancy.login() says it is, so it is worth what the caller is: the gateway takes it
// from the connection. A caller that gives none is one address for all its clients.
#pragma once

#include "pg_prelude.hpp"

extern "C" {
#include "storage/lock.h"
}

namespace tenancy::throttle {

struct Attempt {
    bool counted;     // false: throttling is off
    bool remembered;  // a success needs no writing
    text *note;       // what is written when it fails
    bytea *pair;      // what is written when it succeeds
    int chances;      // locks held
    LOCKTAG chance[2];
};

// Before the password is looked at. Errors: 53400 too many attempts, with the seconds to wait as hint; 25006 on a standby.
// May ereport.
Attempt admit(const text *user_name, Jsonb *client);

// Exactly one of these ends an attempt; an ERROR in between ends it, too, without counting it.
void note_failure(const Attempt &attempt); // in a transaction of its own. Errors: those of autonomous::run
void note_success(const Attempt &attempt); // in this transaction

} // namespace tenancy::throttle
