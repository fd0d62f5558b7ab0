"""What a feature is: the plant description, the one feature function, and the door to Feast. No Kafka, no Keras."""
