//! A small part of the simulator of attribution (`benches/attribution`), with a fixed seed: leaks of every kind name nobody
//! whose copy did not leak.

#[path = "../../benches/attribution/dice.rs"]
mod dice;
#[path = "../../benches/attribution/world.rs"]
mod world;

use dice::Dice;
use dyepack::domain::attribution::Strategy;
use world::{Leak, Left, Pick, World};

#[test]
fn leaks_of_every_kind_name_no_innocent_copy_and_samples_of_one_copy_name_it() {
    let (world, mut dice) = (World::new(4_000, 3), Dice(71));
    let (mut innocent, mut named) = (0, 0);
    for _ in 0..10 {
        let outcome = world.weigh(Leak::any(&mut dice, &[20, 50, 200, 4_000]), &mut dice);
        assert_eq!(outcome.wrong, 0, "{outcome:?}");
        assert!(outcome.is_in_window.is_some(), "{outcome:?}");
        innocent += outcome.innocent;
    }
    assert!(innocent > 950, "{innocent}");
    for (left, share, rows) in
        [(Left::Cards, 0, 50), (Left::Masked, 1, 60), (Left::Cards, 3, 50), (Left::Mail, 1, 4_000)]
    {
        let leak = Leak {
            organization: 2,
            share,
            left,
            pick: Pick::Contiguous,
            rows,
            junk: 0.2,
            leakers: 1,
            strategy: Strategy::One,
            is_cleaned: false,
            rewritten: 0.1,
        };
        let outcome = world.weigh(leak, &mut dice);
        assert_eq!((outcome.leakers, outcome.wrong), (1, 0), "{leak:?}");
        named += outcome.named;
    }
    assert_eq!(named, 4, "each of these leaks is enough");
}
