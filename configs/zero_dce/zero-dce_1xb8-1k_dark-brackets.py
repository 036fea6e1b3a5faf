# Dark photographs alone, as a user has them: nothing well-exposed to learn
# from, so that the losses alone say how bright is bright enough.
_base_ = 'zero-dce_1xb8-1k_brackets.py'

train_dataloader = dict(dataset=dict(shots='dark'))
