"""Settings: one definition, validated whole in the first stage, handed to the lean second one."""
