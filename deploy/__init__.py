"""How the sensor gets into task definitions and pods, and what is checked before they ship."""
