// Which tokens may be answered by a replica, as far as that is known before it is asked.
#include "db/replica.hpp"

#include <gtest/gtest.h>

namespace {

using namespace gateway::db;

std::unique_ptr<Connection> refuse() {
    ConnectFailure failure;
    failure.connection_lost = true;
    throw failure;
}

TEST(Lsn, IsReadStrictly) {
    EXPECT_EQ(parse_lsn("16/B374D848"), 0x16'B374D848u);
    EXPECT_EQ(parse_lsn("0/0"), 0u);
    EXPECT_EQ(parse_lsn("FFFFFFFF/FFFFFFFE"), 0xFFFFFFFF'FFFFFFFEu);
    for (const char *wrong : {"", "/", "1", "1/", "/1", "1/2/3", "1/2 ", " 1/2", "x/1", "123456789/1", "1/123456789"})
        EXPECT_EQ(parse_lsn(wrong), std::nullopt) << wrong;
}

TEST(Replica, ServesNobodyWhomThePrimaryHasNotAnswered) {
    Replica replica(PoolOptions{}, refuse);
    EXPECT_EQ(replica.position_for("token"), std::nullopt);
    replica.note("token", "0/20", Clock::now());
    EXPECT_EQ(replica.position_for("token"), 0x20u);
    EXPECT_EQ(replica.position_for("other"), std::nullopt);
}

TEST(Replica, NeverGoesBackBehindAWrite) {
    Replica replica(PoolOptions{}, refuse);
    replica.note("token", "0/30", Clock::now());
    replica.note("token", "0/20", Clock::now()); // of a read that began before
    EXPECT_EQ(replica.position_for("token"), 0x30u);
}

TEST(Replica, ServesNobodyOfWhomTheLastWriteIsUnknown) {
    Replica replica(PoolOptions{}, refuse);
    replica.note("one", "nonsense", Clock::now());
    EXPECT_EQ(replica.position_for("one"), std::nullopt);
    replica.note("two", "0/20", Clock::now());
    replica.keep_away("two");
    replica.note("two", "0/30", Clock::now());
    EXPECT_EQ(replica.position_for("two"), std::nullopt);
}

TEST(Replica, ServesNobodyWhoSeesRowsFromThePrimaryUntilAPositionBehindThemIsKnown) {
    Replica replica(PoolOptions{}, refuse);
    replica.note("token", "0/20", Clock::now());
    const auto before = Clock::now();
    replica.shows_more("token");
    EXPECT_EQ(replica.position_for("token"), std::nullopt);
    replica.note("token", "0/30", before); // of a read that may have looked before those rows
    EXPECT_EQ(replica.position_for("token"), std::nullopt);
    replica.note("token", "0/40", Clock::now() + std::chrono::nanoseconds(1));
    EXPECT_EQ(replica.position_for("token"), 0x40u);
}

TEST(Replica, IsLeftAloneForAWhileWhenItDoesNotAnswer) {
    Replica replica(PoolOptions{}, refuse);
    Pool primary(PoolOptions{}, refuse);
    Client client(primary);
    replica.note("token", "0/20", Clock::now());
    EXPECT_FALSE(replica.ask(client, "token", {}).has_value());
    EXPECT_EQ(replica.position_for("token"), std::nullopt);
}

} // namespace
