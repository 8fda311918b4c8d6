//! Stories that properties found.

use super::properties::{Act, story};

/// Stories that once ended with an agent at work past a limit, or with no end.
#[test]
fn what_was_found_once_holds() {
    use Act::{
        Advice, Answer, Brake, ByHand, Due, Elsewhere, Ephemeral, Hook, HookGone, Pass, Person, Phase, Progress, Stray,
    };
    let found: [(usize, &[Act]); 12] = [
        (
            8,
            &[
                Phase(0, 0, 0),
                Stray(0, 2),
                Answer(0, 1, 827),
                Phase(0, 0, 0),
                Ephemeral(0),
                Phase(1, 0, 0),
                Answer(0, 1, 693),
                Phase(0, 1, 1),
                Phase(1, 0, 0),
                Hook(0, 0, 0, false),
                Phase(0, 0, 0),
            ],
        ),
        (
            9,
            &[
                Phase(0, 0, 1),
                Answer(0, 1, 1267),
                Brake(0),
                Answer(0, 1, 960),
                Advice(2, 1),
                Answer(0, 1, 330),
                Advice(0, 1),
                Brake(6),
                Answer(0, 1, 1010),
                Phase(0, 0, 0),
            ],
        ),
        (
            9,
            &[
                Answer(1, 0, 1212),
                Advice(3, 1),
                Answer(1, 0, 359),
                Answer(0, 0, 169),
                Answer(0, 1, 1199),
                Answer(1, 0, 1030),
                Answer(0, 0, 55),
                Answer(0, 0, 1439),
                Phase(0, 0, 0),
            ],
        ),
        (2, &[Pass(1199), Hook(0, 1, 1, false), Answer(0, 0, 1), Phase(0, 1, 0), Brake(0), Phase(0, 0, 0)]),
        (
            3,
            &[
                Hook(1, 0, 1, false),
                Answer(0, 0, 458),
                Hook(0, 0, 0, false),
                Answer(1, 1, 1209),
                Hook(0, 1, 1, false),
                Hook(1, 0, 1, false),
                Hook(1, 1, 1, false),
                Hook(0, 0, 1, false),
            ],
        ),
        (6, &[Stray(1, 2), Answer(1, 1, 667), Hook(1, 1, 1, false), Phase(1, 0, 1), Ephemeral(1)]),
        (
            8,
            &[
                Answer(0, 0, 1029),
                Progress(0, 3),
                Hook(0, 1, 0, false),
                Answer(0, 0, 961),
                Person(0, 2),
                Answer(0, 1, 891),
                Hook(0, 0, 0, false),
            ],
        ),
        (
            8,
            &[
                Answer(0, 0, 1413),
                Answer(1, 1, 1401),
                Phase(0, 1, 1),
                Phase(0, 0, 0),
                Hook(1, 0, 0, false),
                HookGone(0, false),
            ],
        ),
        (
            10,
            &[
                Answer(0, 0, 358),
                Hook(0, 0, 0, false),
                Answer(0, 0, 568),
                Hook(0, 0, 0, false),
                Answer(0, 0, 524),
                Answer(0, 0, 1025),
                Phase(0, 0, 0),
                Pass(1),
                Elsewhere(1540),
                Elsewhere(1584),
                Elsewhere(376),
                Hook(0, 0, 1, false),
                Ephemeral(0),
                Answer(0, 0, 701),
            ],
        ),
        (
            3,
            &[
                Elsewhere(133),
                Answer(1, 0, 610),
                Answer(0, 1, 1216),
                ByHand(true),
                Hook(0, 0, 0, false),
                HookGone(0, true),
            ],
        ),
        (
            3,
            &[
                Answer(0, 0, 1374),
                Hook(0, 1, 1, false),
                Answer(0, 0, 263),
                Answer(1, 1, 616),
                Ephemeral(0),
                Answer(0, 0, 1),
                Hook(0, 0, 0, false),
                Answer(1, 0, 379),
                Due(1),
            ],
        ),
        (
            3,
            &[
                Hook(1, 1, 1, false),
                Hook(1, 1, 1, false),
                Answer(1, 0, 873),
                Answer(1, 1, 1),
                Answer(1, 0, 1072),
                Answer(1, 0, 984),
                Hook(1, 0, 4, false),
                Due(0),
                Due(1),
            ],
        ),
    ];
    for (policy, acts) in found {
        story(policy, acts);
    }
}
