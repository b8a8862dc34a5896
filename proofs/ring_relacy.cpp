// SPDX-License-Identifier: MIT
/*
 * An independent witness for the explorer: the ring's protocol as abi/ring.h tells it,
 * written down once more for Relacy, which knows the memory orders of C11 by itself. With
 * the orders of the ABI all its runs pass; with one of the four releases relaxed, a race is found.
 *
 * Usage: ring_relacy RELAXED, which is the number of the release that is relaxed: 0 none,
 * 1 sq_tail, 2 sq_head, 3 cq_tail, 4 cq_head. Relacy says what it finds on its output.
 */
#include <relacy/relacy.hpp>

#include <cstdlib>

namespace
{

constexpr unsigned ENTRIES = 3;
int relaxed;

struct ring : rl::test_suite<ring, 2> {
    rl::atomic<unsigned> sq_tail, sq_head, cq_tail, cq_head;
    rl::var<unsigned> sq[1], cq[1];

    static rl::memory_order release(int number)
    {
        return relaxed == number ? rl::mo_relaxed : rl::mo_release;
    }

    void before()
    {
        sq_tail($) = 0;
        sq_head($) = 0;
        cq_tail($) = 0;
        cq_head($) = 0;
    }

    void program()
    {
        unsigned sent = 0;
        unsigned taken = 0;

        while (taken < ENTRIES) {
            if (sent < ENTRIES && sent - sq_head.load(rl::mo_acquire, $) < 1) {
                sq[0]($) = 3 * sent;
                sq_tail.store(++sent, release(1), $);
            }
            if (cq_tail.load(rl::mo_acquire, $) != taken) {
                RL_ASSERT(cq[0]($) == 3 * taken + 1);
                cq_head.store(++taken, release(4), $);
            } else {
                rl::yield(1, $);
            }
        }
    }

    void kernel()
    {
        for (unsigned done = 0; done < ENTRIES;) {
            if (sq_tail.load(rl::mo_acquire, $) == done ||
                done - cq_head.load(rl::mo_acquire, $) == 1) {
                rl::yield(1, $);
                continue;
            }
            unsigned entry = sq[0]($);
            cq[0]($) = entry + 1;
            ++done;
            sq_head.store(done, release(2), $);
            cq_tail.store(done, release(3), $);
        }
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            program();
        } else {
            kernel();
        }
    }
};

} // namespace

int main(int argc, char **argv)
{
    relaxed = argc > 1 ? std::atoi(argv[1]) : 0;
    rl::test_params p;
    p.search_type = rl::random_scheduler_type;
    p.iteration_count = 5000;
    return rl::simulate<ring>(p) ? 0 : 1;
}
