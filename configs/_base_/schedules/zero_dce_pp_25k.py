# The authors' 100 epochs of 2,002 images in batches of 8.
_base_ = './zero_dce_50k.py'

train_cfg = dict(max_iters=25_000)
