// Which client a request gets, and how much of the pool that client may take.
#include "db/client_scope.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace {

using namespace gateway::db;
using std::chrono::milliseconds;

constexpr milliseconds patience = std::chrono::seconds(60);

Pool &pool() {
    static Pool never_connected{PoolOptions{}, []() -> std::unique_ptr<Connection> { throw ConnectFailure(); }};
    return never_connected;
}

DurableOptions few(std::size_t clients) {
    DurableOptions options;
    options.clients = clients;
    return options;
}

TEST(TokenMap, ForgetsTheLeastRecentlyUsed) {
    TokenMap<int> map(2);
    map.put("a", 1);
    map.put("b", 2);
    EXPECT_EQ(map.find("a"), 1);
    map.put("c", 3);
    EXPECT_EQ(map.find("b"), std::nullopt);
    EXPECT_EQ(map.find("a"), 1);
    EXPECT_EQ(map.find("c"), 3);
    map.put("a", 4);
    EXPECT_EQ(map.find("a"), 4);
    map.forget("a");
    map.forget("never seen");
    EXPECT_EQ(map.find("a"), std::nullopt);
    EXPECT_EQ(map.find("c"), 3);
}

TEST(Quota, RefusesAtOnceWhenTheQueueIsFull) {
    Quota quota(1, 0, patience);
    quota.take();
    EXPECT_THROW(quota.take(), PoolExhausted);
    quota.give_back();
    EXPECT_NO_THROW(quota.take());
}

TEST(Quota, GivesAPlaceToWhoeverWaits) {
    Quota quota(1, 1, patience);
    quota.take();
    std::jthread waiter([&] {
        quota.take();
        quota.give_back();
    });
    quota.give_back();
    waiter.join();
    EXPECT_NO_THROW(quota.take());
}

TEST(Quota, GivesUpAfterTheLongestWait) {
    Quota quota(1, 1, milliseconds(1));
    quota.take();
    EXPECT_THROW(quota.take(), PoolExhausted);
    // Its place in the queue is free again.
    EXPECT_THROW(quota.take(), PoolExhausted);
    quota.give_back();
    EXPECT_NO_THROW(quota.take());
}

TEST(RequestScope, MakesAClientForEachRequest) {
    RequestScope scope(pool());
    const auto first = scope.client("token");
    EXPECT_NE(first, scope.client("token"));
}

TEST(SingletonScope, HasOneClient) {
    SingletonScope scope(pool());
    EXPECT_EQ(scope.client("one"), scope.client("other"));
}

TEST(DurableScope, KnowsATokenOnceItsTenantWasTold) {
    DurableScope scope(pool(), few(10));
    EXPECT_EQ(scope.client("one"), nullptr);
    const auto client = scope.introduce("one", "7");
    EXPECT_EQ(scope.client("one"), client);
    EXPECT_EQ(scope.introduce("other", "7"), client);
    EXPECT_NE(scope.introduce("third", "8"), client);
    EXPECT_NE(scope.introduce("admin", std::nullopt), client);
}

TEST(DurableScope, FollowsATokenToAnotherTenant) {
    DurableScope scope(pool(), few(10));
    const auto seven = scope.introduce("token", "7");
    scope.attached("token", "8");
    EXPECT_NE(scope.client("token"), seven);
    scope.forget("token");
    EXPECT_EQ(scope.client("token"), nullptr);
}

TEST(DurableScope, KeepsTheClientsUsedLast) {
    DurableScope scope(pool(), few(2));
    const Client *seven = scope.introduce("a", "7").get();
    scope.introduce("b", "8");
    const std::weak_ptr<Client> eight = scope.client("b");
    EXPECT_EQ(scope.client("a").get(), seven);
    scope.introduce("c", "9");
    EXPECT_TRUE(eight.expired());
    EXPECT_EQ(scope.client("a").get(), seven);
}

TEST(DurableScope, KeepsAClientThatIsAtWork) {
    DurableScope scope(pool(), few(1));
    const auto seven = scope.introduce("a", "7");
    scope.introduce("b", "8");
    scope.introduce("c", "9");
    EXPECT_EQ(scope.client("a"), seven);
}

} // namespace
