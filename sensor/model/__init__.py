"""Events, errors and the protocols between the rooms of the house. No I/O, standard library only."""
