max_iters = 18
eval_interval = 3
