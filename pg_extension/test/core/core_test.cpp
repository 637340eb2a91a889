// src/core without a server.
#include "core/error.hpp"
#include "core/client_address.hpp"
#include "core/password.hpp"
#include "core/token.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

using namespace tenancy;
using core::password::Scheme;

namespace {

// Made by other programs, so that this is a test of compatibility and not of ourselves.
// "user", as the widespread bcrypt libraries of Node write it; and the same digest under the two other names.
const std::string bcrypt_user = "$2b$10$gra37ECOljK.6udDxfwAOOTSyeQSbo9I0zS6l6NoMR1mbE.9T.jF2";
// The published test vector of SHA-crypt for "Hello world!".
const std::string sha512_hello = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";

std::string with_prefix(const std::string &prefix) { return prefix + bcrypt_user.substr(4); }

template <typename Body> std::string sqlstate_of(Body body)
{
    try {
        body();
    } catch (const SqlError &e) {
        return e.report().sqlstate;
    }
    return "none";
}

} // namespace

TEST(Token, IsFortyThreeCharactersOfTheUrlAlphabet)
{
    const std::string made = core::token::make();
    EXPECT_EQ(made.size(), core::token::text_length);
    EXPECT_TRUE(core::token::well_formed(made));
}

TEST(Token, IsNeverTheSameTwice)
{
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i)
        EXPECT_TRUE(seen.insert(core::token::make()).second);
}

TEST(Token, UsesAllBitsOfTheSecret)
{
    // 43 characters carry 258 bits; the last two are zero, so the last character is one of sixteen.
    std::set<char> first;
    std::set<char> last;
    for (int i = 0; i < 4000; ++i) {
        const std::string made = core::token::make();
        first.insert(made.front());
        last.insert(made.back());
    }
    EXPECT_EQ(first.size(), 64u);
    EXPECT_EQ(last.size(), 16u);
}

TEST(Token, RefusesOtherForms)
{
    const std::string good(43, 'A');
    EXPECT_TRUE(core::token::well_formed(good));
    EXPECT_FALSE(core::token::well_formed(""));
    EXPECT_FALSE(core::token::well_formed(good.substr(1)));
    EXPECT_FALSE(core::token::well_formed(good + "A"));
    EXPECT_FALSE(core::token::well_formed(std::string(42, 'A') + "="));
    EXPECT_FALSE(core::token::well_formed(std::string(42, 'A') + "+"));
    EXPECT_FALSE(core::token::well_formed(std::string(42, 'A') + std::string(1, '\0')));
    EXPECT_FALSE(core::token::well_formed(std::string(1 << 20, 'A')));
}

TEST(Token, DigestIsSha256)
{
    const core::token::Digest digest = core::token::digest("abc");
    const unsigned char expected[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                      0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                      0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    EXPECT_TRUE(std::equal(digest.begin(), digest.end(), std::begin(expected)));
}

TEST(Password, ChecksBcryptUnderEachOfItsNames)
{
    for (const char *prefix : {"$2a$", "$2b$", "$2y$"}) {
        EXPECT_TRUE(core::password::verify("user", with_prefix(prefix))) << prefix;
        EXPECT_FALSE(core::password::verify("User", with_prefix(prefix))) << prefix;
    }
}

TEST(Password, ChecksSha512)
{
    EXPECT_TRUE(core::password::verify("Hello world!", sha512_hello));
    EXPECT_FALSE(core::password::verify("Hello world", sha512_hello));
}

TEST(Password, ChecksItsOwnHashes)
{
    const std::string hash = core::password::hash("tøp secret");
    EXPECT_EQ(core::password::scheme_of(hash), Scheme::yescrypt);
    EXPECT_TRUE(core::password::verify("tøp secret", hash));
    EXPECT_FALSE(core::password::verify("tøp secret ", hash));
    EXPECT_FALSE(core::password::verify("", hash));
    EXPECT_NE(hash, core::password::hash("tøp secret"));
}

TEST(Password, LongerThanBcryptReadsNeverMatches)
{
    // A hash of 72 bytes: bcrypt itself would call every longer password with these first bytes the same.
    const std::string hash = "$2b$04$YWFhYWFhYWFhYWFhYWFhYO6WFSokqFNp4v3/M70B8e1t8s1qI/pj.";
    const std::string phrase(72, 'x');
    ASSERT_TRUE(core::password::verify(phrase, hash));
    EXPECT_FALSE(core::password::verify(phrase + "x", hash));
    EXPECT_FALSE(core::password::verify(phrase + "anything", hash));
}

TEST(Password, IsNotCutAtNul)
{
    EXPECT_FALSE(core::password::verify(std::string_view("user\0more", 9), bcrypt_user));
    EXPECT_FALSE(core::password::verify(std::string_view("user\0", 5), bcrypt_user));
}

TEST(Password, UnusableHashesNeverMatch)
{
    for (const char *hash : {"", "*", "*0", "!", "x", "user", "$1$salt$digest", "$2b$", "$2b$10$", "$2x$10$abc", "$y$",
                             "$y$j9T$", "$6$rounds=", "$6$rounds=abc$salt$digest", "$6$"})
        EXPECT_FALSE(core::password::verify("user", hash)) << hash;
}

TEST(Password, BoundsTheWorkOfAStoredHash)
{
    EXPECT_EQ(core::password::scheme_of(bcrypt_user), Scheme::bcrypt);
    EXPECT_EQ(core::password::scheme_of("$2b$14" + bcrypt_user.substr(6)), Scheme::bcrypt);
    EXPECT_EQ(core::password::scheme_of("$2b$15" + bcrypt_user.substr(6)), Scheme::too_costly);
    EXPECT_EQ(core::password::scheme_of("$2b$31" + bcrypt_user.substr(6)), Scheme::too_costly);
    EXPECT_EQ(core::password::scheme_of("$y$jCT$salt$digest"), Scheme::yescrypt);
    EXPECT_EQ(core::password::scheme_of("$y$jDT$salt$digest"), Scheme::too_costly);
    EXPECT_EQ(core::password::scheme_of("$y$jFT$salt$digest"), Scheme::too_costly);
    EXPECT_EQ(core::password::scheme_of("$y$j9T5.$salt$digest"), Scheme::too_costly);
    EXPECT_EQ(core::password::scheme_of("$6$rounds=1000000$salt$digest"), Scheme::sha512);
    EXPECT_EQ(core::password::scheme_of("$6$rounds=1000001$salt$digest"), Scheme::too_costly);
    EXPECT_EQ(core::password::scheme_of("$6$rounds=99999999999999999999$salt$digest"), Scheme::too_costly);
    EXPECT_FALSE(core::password::verify("user", "$2b$31" + bcrypt_user.substr(6)));
}

TEST(Password, NewHashesRefuseWhatCouldNotBeChecked)
{
    EXPECT_EQ(sqlstate_of([] { core::password::hash(""); }), "22023");
    EXPECT_EQ(sqlstate_of([] { core::password::hash(std::string(512, 'x')); }), "22023");
    EXPECT_EQ(sqlstate_of([] { core::password::hash(std::string_view("a\0b", 3)); }), "22023");
    EXPECT_EQ(sqlstate_of([] { core::password::hash(std::string(511, 'x')); }), "none");
}

TEST(Password, KnowsWhichHashesAreOutdated)
{
    EXPECT_TRUE(core::password::outdated(bcrypt_user));
    EXPECT_TRUE(core::password::outdated(sha512_hello));
    EXPECT_FALSE(core::password::outdated(core::password::hash("user"))) << "a new hash is not";
    EXPECT_FALSE(core::password::outdated("$y$jAT$salt$digest")) << "nor is one that takes more work";
    EXPECT_TRUE(core::password::outdated("$y$j8T$salt$digest"));
    EXPECT_TRUE(core::password::outdated("$y$j75$salt$digest")) << "cost 1 and 2 have smaller blocks";
    EXPECT_TRUE(core::password::outdated("$y$j95$salt$digest"));
    EXPECT_FALSE(core::password::outdated("a password in plain text"));
    EXPECT_FALSE(core::password::outdated("$2b$31" + bcrypt_user.substr(6))) << "what is never verified is never renewed";
}

TEST(ClientAddress, CountsIpv6ByItsNetwork)
{
    using core::client_address::throttled;
    EXPECT_EQ(throttled("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    EXPECT_EQ(throttled("2001:DB8:1:2::1"), throttled("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    EXPECT_NE(throttled("2001:db8:1:2::1"), throttled("2001:db8:1:3::1"));
    EXPECT_EQ(throttled("192.0.2.7"), "192.0.2.7");
    EXPECT_EQ(throttled("::ffff:192.0.2.7"), "192.0.2.7");
    EXPECT_EQ(throttled("pool member 3"), "pool member 3");
    EXPECT_EQ(throttled(""), "");
    EXPECT_EQ(throttled(std::string(4000, 'x')), std::string(4000, 'x'));
}

TEST(Error, CutsLongTextsAndStaysTerminated)
{
    const SqlError error("22023", std::string(5000, 'm'), std::string(5000, 'd'), std::string(5000, 'h'));
    EXPECT_EQ(std::string(error.report().message).size(), sizeof(Report::message) - 1);
    EXPECT_EQ(std::string(error.report().detail).size(), sizeof(Report::detail) - 1);
    EXPECT_EQ(std::string(error.report().hint).size(), sizeof(Report::hint) - 1);
    EXPECT_STREQ(error.report().sqlstate, "22023");
}
