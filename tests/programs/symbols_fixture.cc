// SPDX-License-Identifier: Apache-2.0
// symbols_fixture.cc -- something to find names in: inlined calls, lambdas, templates, a namespace, a
// function that is not exported, and assembly that tells no size. Built with -g -O2.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <regex>
#include <string>
#include <vector>

namespace orchard
{

template <typename Fruit> class Basket
{
  public:
    void add(Fruit fruit) { fruits_.push_back(std::move(fruit)); }

    size_t count(const std::string &pattern) const
    {
        const std::regex wanted(pattern);

        return std::count_if(fruits_.begin(), fruits_.end(), [&wanted](const Fruit &fruit) {
            return std::regex_match(fruit, wanted);
        });
    }

  private:
    std::vector<Fruit> fruits_;
};

__attribute__((noinline)) int hidden_sum(const std::map<std::string, int> &numbers)
{
    int sum = 0;

    for (const auto &number : numbers) {
        sum += number.second;
    }
    return sum;
}

} // namespace orchard

namespace
{

__attribute__((noinline, noclone)) int unseen(int number) { return number ^ 5; }

} // namespace

extern "C" __attribute__((noinline)) int visible_twice(int number) { return 2 * number + 1; }

// Two labels without type and size, as hand-written assembly often has.
extern "C" int sizeless_first(void);
extern "C" int sizeless_second(void);
#if defined(__x86_64__)
__asm__(".text\n.globl sizeless_first\nsizeless_first:\n nop\n nop\n movl $1, %eax\n ret\n"
        ".globl sizeless_second\nsizeless_second:\n nop\n movl $2, %eax\n ret\n"
        ".globl sizeless_end\n.type sizeless_end, @function\n.size sizeless_end, 1\n"
        "sizeless_end:\n nop\n");
#else
__asm__(".text\n.globl sizeless_first\nsizeless_first:\n nop\n nop\n mov w0, #1\n ret\n"
        ".globl sizeless_second\nsizeless_second:\n nop\n mov w0, #2\n ret\n"
        ".globl sizeless_end\n.type sizeless_end, %function\n.size sizeless_end, 4\n"
        "sizeless_end:\n nop\n");
#endif

int main(int count, char **words)
{
    orchard::Basket<std::string> basket;
    std::map<std::string, int> numbers;

    for (int i = 0; i < count; i++) {
        basket.add(words[i]);
        numbers[words[i]] = visible_twice(i) + unseen(i);
    }
    std::printf("%zu %d %d\n", basket.count("a.*|(b[c-e])+"), orchard::hidden_sum(numbers),
                sizeless_first() + sizeless_second());
    return 0;
}
