"""LearnFlow as it is deployed: three services, each beside its daprd, over real Kafka and Postgres."""
