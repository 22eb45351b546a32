// A small shop: the mixed work of an ordinary service, the same in every process.
#pragma once

#include <cstdint>

#include "database.hpp"

namespace warden::bench {

/// customers (20 000), products (2000), orders (60 000), items (180 000), with the indexes that they need.
void make_shop(Database& database);

/// The kinds of work, so that what is added can be told apart.
enum class Work { mixed, look_ups, ranges, writes, joins, aggregates };

/// Runs `rounds` of it on a shop; how many statements.
std::int64_t work(Database& shop, Work kind, int rounds);

}  // namespace warden::bench
