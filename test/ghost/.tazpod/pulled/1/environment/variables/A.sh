export A='new'
